"""Read logs of any library by columns, under our names."""
