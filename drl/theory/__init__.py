"""The paper's theory on data whose score is known: Eq. 6 (App. B), the kernels, Proposition 2.1 (App. C)."""
