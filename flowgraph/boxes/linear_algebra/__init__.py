"""Linear algebra: products, factorisations, inverses, eigenvalues, norms."""
