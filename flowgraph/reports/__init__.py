"""Pages of one file that report what a training or a search did."""
