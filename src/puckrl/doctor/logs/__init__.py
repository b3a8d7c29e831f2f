"""Read logs of any library as rows under our names."""
