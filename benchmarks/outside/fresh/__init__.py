"""Sets of functions with hand-written gradients that were judged before the checker was run on them.

    python -m benchmarks.outside.fresh.sources           fetch the files of repositories (see there)
    python -m benchmarks.outside.fresh.score --set one   fg.check, and each framework's own checker
    ... --package NAME     one package    ... --checker flowgraph    one of the checkers
    ... --keep FILE        a run that was stopped goes on where it was
    python -m benchmarks.outside.fresh.proof             the differences that the judgements rest on

The distributions are pinned in requirements.txt here, what they need stands in that of benchmarks/outside; files of
repositories are pinned by commit and SHA-256 in sources.csv. Nothing of them is copied.

335 entries of 59 packages and repositories, none of which is in `benchmarks/outside/packages`, were gathered first and
then split by package with a fixed seed (`registry.py`); 60 mistakes were planted in entries that were drawn, 20 in set
one and 40 in set two. All judgements were made without fg.check, by what `proof.py` shows and by reading the code, and
committed before it was run on any entry. Set one may be looked at while the checker is changed; set two is scored once.

The third set was gathered when the second had been scored and its false failures had been looked at: 86 functions of
seven packages and repositories in neither, all of NumPy, and 20 planted mistakes. It is scored once.

The fourth set holds rules of JAX and of packages on it, Ops of PyTensor by their L_op and atoms of CVXPY: 154 entries,
16 of them with a planted mistake, and 10 with one of the authors. It was judged in the same way, with JAX 0.12.0.1,
PyTensor 3.3.8 and CVXPY 1.9.3, which requirements.txt does not pin, and scored on 2026-12-02.

What is judged right although differences disagree somewhere: where the value itself is clipped or saturates (`artanh`
beyond 1, a softening radius, a probability beyond 1), where the slope has no bound and the gradient is documented to be
0 (`safe_sqrt` at 0), and eigenvalues where two of them meet. Entries that could be called either way were left out: an
epsilon in the value alone, straight-through and reversed gradients, Lie groups whose gradients are of the tangent
space, layers that divide by the batch by convention.
"""
