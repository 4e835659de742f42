"""Run every benchmark, or those named: `python -m benchmarks overhead`."""

import importlib
import pkgutil
import sys

import benchmarks


def main(names: list[str]) -> None:
    """Run the benchmarks of these names, all if there are none."""
    known = [module.name for module in pkgutil.iter_modules(benchmarks.__path__) if module.name != "__main__"]
    for name in names or known:
        if name not in known:
            raise SystemExit(f"no benchmark is called {name!r}; there are {', '.join(known)}")
        print(f"== {name}")
        importlib.import_module(f"benchmarks.{name}").main()


main(sys.argv[1:])
