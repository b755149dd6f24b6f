"""The report: charts, pictures, sentences, HTML and Markdown."""
