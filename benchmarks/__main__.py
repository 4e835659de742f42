"""Run every benchmark, or those named: `python -m benchmarks overhead`; options such as --quick go to each."""

import importlib
import pkgutil
import sys

import benchmarks


def main(names: list[str]) -> None:
    """Run the benchmarks of these names, all if there are none."""
    found = [module.name for module in pkgutil.iter_modules(benchmarks.__path__)]
    known = [name for name in found if name not in ("__main__", "peers")]
    for name in names or known:
        if name not in known:
            raise SystemExit(f"no benchmark is called {name!r}; there are {', '.join(known)}")
        print(f"== {name}")
        importlib.import_module(f"benchmarks.{name}").main()


main([name for name in sys.argv[1:] if not name.startswith("-")])
