"""How the engine's own functions are compiled.

Only `advance` is called from Python, so the others get no Python entry of their own: each would unpack the whole state again, which is most of the
compile time of a small function.  `inner` functions own no memory: without reference counts a call that passes the records on costs a tenth.
`hot` ones stand on the path of every bar and are laid into their caller.
"""

from numba import njit

inner = njit(cache=True, no_cpython_wrapper=True, no_cfunc_wrapper=True, _nrt=False)
allocating = njit(cache=True, no_cpython_wrapper=True, no_cfunc_wrapper=True)
hot = njit(cache=True, no_cpython_wrapper=True, no_cfunc_wrapper=True, _nrt=False, forceinline=True)
