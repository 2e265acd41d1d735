"""The documentation site: the pages of docs, and what is made from the program itself."""
