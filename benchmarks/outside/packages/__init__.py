"""One file for each distribution: `PACKAGE` with its entries. Distributions are imported when a case is made."""
