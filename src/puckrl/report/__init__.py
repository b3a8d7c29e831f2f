"""Write what a run leaves for people: card, figures, video, tables."""
