"""Songs and views from YouTube: the Data API, and result pages in a browser."""
