"""Run every benchmark, or one with its own options: `python -m benchmarks checking --quick`."""

import importlib
import pkgutil
import sys

import benchmarks


def main(arguments: list[str]) -> None:
    """Run the benchmark of the name that comes first, all if there is none; what follows it is its own."""
    found = [module.name for module in pkgutil.iter_modules(benchmarks.__path__)]
    beside = ("__main__", "peers", "planted", "public_functions", "quoting", "stored")
    known = [name for name in found if name not in beside]
    names = [name for name in arguments[:1] if not name.startswith("-")]
    for name in names or [name for name in known if name != "all"]:
        if name not in known:
            raise SystemExit(f"no benchmark is called {name!r}; there are {', '.join(known)}")
        print(f"== {name}")
        importlib.import_module(f"benchmarks.{name}").main()


main(sys.argv[1:])
