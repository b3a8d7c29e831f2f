"""Connect puckrl to other libraries: each module needs only the library it is named after."""
