"""How a kernel that other kernels call is compiled.

A kernel that Python calls is `njit(cache=True)`.  What it calls is a part of it: kept as it was lowered, and optimised and made into machine code once,
inside its caller.  Numba would do both for every function and once more for every caller of it, and give each an entry for Python that unpacks the whole
state again; together that was half of the compile time.

`inner` functions own no memory: without reference counts a call that passes the records on costs a tenth.  `hot` ones stand on the path of every bar and
are laid into their caller whatever their size.  None of these three can be called from Python; a `shared` one can, and is then compiled once more, alone.
"""

from numba import njit
from numba.core.codegen import JITCodeLibrary
from numba.core.compiler import Compiler

STEPS = ("_ensure_finalized", "_finalize_dynamic_globals", "_finalize_final_module", "_optimize_final_module", "get_pointer_to_function")


class Part(JITCodeLibrary):
    """The code of one function that waits for its callers: linked into theirs, it needs no address and no optimising of its own."""

    @property
    def codegen(self):
        return self

    def set_env(self, name, env):
        """Numba asks the code generator for it: Python objects that compiled code refers to, of which a kernel has none."""

    def get_pointer_to_function(self, name):
        self._ensure_finalized()
        return 0

    def _optimize_final_module(self):
        pass

    def _finalize_final_module(self):
        self._finalize_dynamic_globals()
        self._finalized = True


class AsPart(Compiler):
    """Numba's compiler, whose code goes into a `Part`."""

    def compile_extra(self, func):
        self.state.library = Part(self.state.targetctx.codegen(), func.__qualname__)
        return super().compile_extra(func)


def way(steps=STEPS):
    """The options of a part; those of a whole function where numba's library has other steps than these."""
    return {"pipeline_class": AsPart} if all(hasattr(JITCodeLibrary, step) for step in steps) else {"cache": True}


inner = njit(no_cpython_wrapper=True, no_cfunc_wrapper=True, _nrt=False, **way())
allocating = njit(no_cpython_wrapper=True, no_cfunc_wrapper=True, **way())
hot = njit(no_cpython_wrapper=True, no_cfunc_wrapper=True, _nrt=False, forceinline=True, **way())


def shared(function):
    """A kernel that kernels call and Python may: for the ones a part of their code, for the other a function with an entry."""
    alone, part = njit(cache=True)(function), allocating(function)
    alone.get_call_template, alone.get_overload = part.get_call_template, part.get_overload
    return alone
