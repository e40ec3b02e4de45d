"""Compare the sweep with alternatives: CPU time, wall time and inertia.

    python benchmarks/sweep.py --sizes 620,10000,100000

Every measurement is a separate process, so that no imports and no warm caches are shared. Each side runs with one
thread and with all, and the better result counts. Quadratic costs are measured up to 20,000 customers and extrapolated
beyond, marked with *. Alternatives that are not installed are marked so; install scikit-learn-intelex and faiss-cpu in
any environment and name its Python with --peers-python. Writes Markdown to benchmarks/sweep.md and the growth as a
picture next to it.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import time
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import numpy as np

HERE = Path(__file__).resolve().parent
QUADRATIC_UP_TO = 20_000
REPEATS = 3
SAMPLED = 2_000
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "TBB_NUM_THREADS")
SETTINGS = {
    "k_min": 2, "k": None, "seed": 42, "starts": 32, "silhouette_exact_up_to": 5_000, "silhouette_sample_size": SAMPLED,
    "min_segment_share": 0.0, "min_segment_size": 1, "require_admissible_k": True,
}  # fmt: skip


# ---- data --------------------------------------------------------------------------------------------------------


def mixture(n: int, transformed: bool) -> np.ndarray:
    """Spending, quantity and count of five overlapping groups, log-normal, and days: (4, n), not scaled."""
    generator = np.random.default_rng(0)
    group = generator.choice(5, n, p=[0.34, 0.27, 0.2, 0.13, 0.06])
    count = 1 + generator.poisson(np.array([2.0, 6, 14, 30, 70])[group] * generator.lognormal(0, 0.35, n))
    quantity = np.rint(count * np.array([1.3, 2.2, 1.6, 3.5, 5])[group] * generator.lognormal(0, 0.4, n))
    spending = quantity * np.array([18.0, 9, 40, 14, 55])[group] * generator.lognormal(0, 0.6, n)
    days = generator.gamma(np.array([1.5, 2, 4, 5, 7])[group], np.array([120.0, 200, 150, 180, 160])[group])
    money = np.array([spending, quantity, count])
    return np.vstack([np.log1p(money) if transformed else money, days])


def raw_tails(n: int) -> np.ndarray:
    """Three log-normal mixtures with sigma 1.5 to 2, not transformed, and days."""
    generator = np.random.default_rng(0)
    group = generator.choice(5, n, p=[0.34, 0.27, 0.2, 0.13, 0.06])
    middle, sigma = np.array([0, 1, 2, 0.5, 3])[group], np.array([1.5, 1.6, 1.7, 2, 1.8])[group]
    return np.vstack([*(generator.lognormal(middle, sigma) for _ in range(3)), generator.uniform(0, 1_000, n)])


def thin_margin(n: int) -> np.ndarray:
    """Three groups that are hardly separated, in four features."""
    generator = np.random.default_rng(0)
    group = 2.2 * generator.integers(0, 3, n)
    return np.vstack(
        [group + generator.normal(size=n), group + generator.normal(size=n), *generator.normal(size=(2, n))]
    )


def built(warehouse: str) -> np.ndarray:
    """The scaled features of a warehouse of this project."""
    import duckdb

    with duckdb.connect(warehouse, read_only=True) as connection:
        relation = connection.sql("select * exclude (customer_id) from intermediate.int_training_features_scaled"
                                  " order by customer_id")  # fmt: skip
        return np.array([np.asarray(column) for column in relation.fetchnumpy().values()], dtype=np.float64)


def features(data: str, n: int) -> np.ndarray:
    """(features, n) float64, each with mean 0 and standard deviation 1. data: a generator's name, or a warehouse."""
    if data.endswith(".duckdb"):
        return built(data)
    made = {
        "log": lambda: mixture(n, True),
        "raw": lambda: mixture(n, False),
        "tails": lambda: raw_tails(n),
        "thin": lambda: thin_margin(n),
    }[data]()
    made -= made.mean(axis=1, keepdims=True)
    made /= made.std(axis=1, keepdims=True)
    return made


# ---- the sides: each prints its result and its cost ------------------------------------------------------------------


def notebook(columns: np.ndarray, ks: range, silhouette: str) -> dict:
    """Fit as a typical notebook does: every k separately, with ten starts, and the metrics of scikit-learn."""
    from sklearn.cluster import KMeans
    from sklearn.metrics import davies_bouldin_score, silhouette_score

    values = np.ascontiguousarray(columns.T)
    inertia, index = {}, {}
    for k in ks:
        model = KMeans(k, n_init=10, random_state=42).fit(values)
        inertia[k] = float(model.inertia_)
        if silhouette != "fit":
            index[k] = float(davies_bouldin_score(values, model.labels_))
        if silhouette == "exact":
            silhouette_score(values, model.labels_)
        if silhouette == "sampled":
            silhouette_score(values, model.labels_, sample_size=min(SAMPLED, len(values)), random_state=42)
    return {"inertia": inertia, "index": index}


def intelex(columns: np.ndarray, ks: range) -> dict:
    """Fit with scikit-learn-intelex, without metrics."""
    from sklearnex import patch_sklearn

    patch_sklearn(verbose=False)
    return notebook(columns, ks, "fit")


def minibatch(columns: np.ndarray, ks: range) -> dict:
    """Fit with MiniBatchKMeans, without metrics."""
    from sklearn.cluster import MiniBatchKMeans

    values = np.ascontiguousarray(columns.T)
    fitted = {k: MiniBatchKMeans(k, n_init=10, random_state=42).fit(values) for k in ks}
    return {"inertia": {k: -float(model.score(values)) for k, model in fitted.items()}, "index": {}}


def faiss(columns: np.ndarray, ks: range) -> dict:
    """Fit with faiss, without metrics: ten starts of its default 25 iterations on all rows."""
    import faiss as library

    library.omp_set_num_threads(int(os.environ["OMP_NUM_THREADS"]))
    values, inertia = np.ascontiguousarray(columns.T, dtype=np.float32), {}
    for k in ks:
        model = library.Kmeans(values.shape[1], k, nredo=10, seed=42, max_points_per_centroid=len(values))
        model.train(values)
        inertia[k] = float(model.assign(values)[0].astype(np.float64).sum())
    return {"inertia": inertia, "index": {}}


def ours(columns: np.ndarray, ks: range, fit_only: bool = False) -> dict:
    """Run this project's sweep, or only its fit."""
    from customer_segmentation.sweep.lloyd import assign
    from customer_segmentation.sweep.search import fit
    from customer_segmentation.sweep.sources import LocalSource
    from customer_segmentation.sweep.sweep import sweep
    from customer_segmentation.threads import thread_limit

    with thread_limit(int(os.environ["OMP_NUM_THREADS"])):
        if fit_only:
            fits = fit(LocalSource(columns), list(ks), SETTINGS["starts"], SETTINGS["seed"])
            return {"inertia": {k: float(assign(columns, [each])[1].sum()) for k, each in fits.items()}, "index": {}}
        found = sweep(LocalSource(columns), k_max=ks[-1], **SETTINGS).groupby("k").first()
    return {"inertia": found["inertia"].to_dict(), "index": found["davies_bouldin_index"].astype(float).to_dict()}


SIDES = {
    "naive notebook": lambda columns, ks: notebook(columns, ks, "exact"),
    "notebook, no silhouette": lambda columns, ks: notebook(columns, ks, "none"),
    "notebook, sampled silhouette": lambda columns, ks: notebook(columns, ks, "sampled"),
    "scikit-learn, fit only": lambda columns, ks: notebook(columns, ks, "fit"),
    "scikit-learn-intelex, fit only": intelex,
    "faiss, fit only": faiss,
    "MiniBatchKMeans, fit only": minibatch,
    "this project": ours,
    "this project without numba": ours,
    "this project, fit only": lambda columns, ks: ours(columns, ks, fit_only=True),
}
NEEDS = {"scikit-learn-intelex, fit only": "sklearnex", "faiss, fit only": "faiss"}


def run_side(side: str, data: str, n: int, k_max: int, cold: bool) -> None:
    """Run one side in this process. Unless cold, imports and compiled code are loaded before the clock starts."""
    ks = range(2, k_max + 1)
    columns = features(data, n)
    if side.endswith("without numba"):
        from customer_segmentation.sweep import lloyd

        lloyd.has_numba = lambda: False
    if not cold:
        SIDES[side](np.ascontiguousarray(columns[:, : min(n, 2_000)]), range(2, 4))
    cpu, wall = time.process_time(), time.perf_counter()
    found = SIDES[side](columns, ks)
    seconds = {"wall": time.perf_counter() - wall, "cpu": time.process_time() - cpu}
    print(json.dumps(found | seconds))


def measure(options: argparse.Namespace, side: str, data: str, n: int, k_max: int, cold: bool = False) -> dict | None:
    """The best run at the better number of threads: seconds, spread and result. None if the side is not installed."""
    python = options.peers_python if side in NEEDS else sys.executable
    check = subprocess.run([python, "-c", f"import {NEEDS.get(side, 'numpy')}"], capture_output=True)
    if check.returncode:
        return None
    runs: list[dict] = []
    for threads in options.threads:
        for _ in range(options.repeats if n <= 200_000 else 1):
            command = [python, __file__, "--side", side, "--data", data, "--sizes", str(n), "--k-max", str(k_max)]
            finished = subprocess.run(
                [*command, *(["--cold"] if cold else [])],
                env=os.environ | dict.fromkeys(THREADS, str(threads)), capture_output=True, text=True,
            )  # fmt: skip
            if finished.returncode:
                raise RuntimeError(f"{side} on {data}, {n}: {finished.stderr[-2_000:]}")
            runs.append(json.loads(finished.stdout.splitlines()[-1]) | {"threads": threads})
    best = min(runs, key=lambda run: run["cpu"])
    same = [run["cpu"] for run in runs if run["threads"] == best["threads"]]
    fastest = min(runs, key=lambda run: run["wall"])
    return best | {"spread": max(same) / min(same) - 1, "wall": fastest["wall"], "wall_threads": fastest["threads"]}


# ---- the tables ------------------------------------------------------------------------------------------------------


def seconds(value: float) -> str:
    """A number of seconds with three significant digits."""
    return f"{value:.3g}" if value < 1_000 else f"{value:,.0f}"


def quality(found: dict, reference: dict) -> str:
    """The excess of inertia over the notebook's in percent, maximum and median over k, and the k that is selected."""
    excess = [100 * (found["inertia"][k] / reference["inertia"][k] - 1) for k in reference["inertia"]]
    words = f"{max(excess):+.2f} % at worst, {np.median(excess):+.2f} % median"
    if not found["index"]:
        return words
    chosen, expected = (min(each["index"], key=each["index"].get) for each in (found, reference))
    better = 100 * (found["inertia"][expected] / reference["inertia"][expected] - 1)
    same = chosen == expected
    return f"{words}; k = {chosen}" + ("" if same else f", not {expected} (whose inertia is {better:+.2f} % here)")


def table_of_sides(options: argparse.Namespace, data: str, n: int) -> list[str]:
    """The table of one data set: every side, with its ratio to the naive notebook."""
    reference = measure(options, "notebook, no silhouette", data, n, options.k_max)
    if n <= QUADRATIC_UP_TO:
        naive = measure(options, "naive notebook", data, n, options.k_max)
    else:
        small = measure(options, "naive notebook", data, QUADRATIC_UP_TO // 2, options.k_max)
        without = measure(options, "notebook, no silhouette", data, QUADRATIC_UP_TO // 2, options.k_max)
        grown = (n / (QUADRATIC_UP_TO // 2)) ** 2
        naive = reference | {
            clock: reference[clock] + (small[clock] - without[clock]) * grown for clock in ("cpu", "wall")
        }
    lines = [
        f"### {Path(data).stem}, {n:,} customers",
        "",
        "| | CPU s | spread | wall s (threads) | notebook / this, CPU | inertia against the notebook's |",
        "|---|---:|---:|---:|---:|---|",
    ]
    star = "*" if n > QUADRATIC_UP_TO else ""
    for side in SIDES:
        if n > options.peers_up_to and not side.startswith("this"):
            continue
        if side == "this project without numba" and n > 100_000:
            continue
        known = {"naive notebook": naive, "notebook, no silhouette": reference}
        found = known.get(side) or measure(options, side, data, n, options.k_max)
        if found is None:
            lines.append(f"| {side} | not installed | | | | |")
            continue
        mark = star if side == "naive notebook" else ""
        ratio = seconds(naive["cpu"] / found["cpu"]) + star
        lines.append(
            f"| {side} | {seconds(found['cpu'])}{mark} | {100 * found['spread']:.0f} % |"
            f" {seconds(found['wall'])}{mark} ({found['wall_threads']}) | {ratio} |"
            f" {quality(found, reference)} |"
        )
        print(lines[-1], flush=True)
    return [*lines, ""]


def table_cold(options: argparse.Namespace) -> list[str]:
    """The table of imports and the sweep of 620 customers, in a process that has loaded only NumPy."""
    lines = ["### Cold: imports and 620 customers", "", "| | CPU s | wall s |", "|---|---:|---:|"]
    for side in ("naive notebook", "scikit-learn, fit only", "this project"):
        found = measure(options, side, options.data[0], 620, options.k_max, cold=True)
        lines.append(f"| {side} | {seconds(found['cpu'])} | {seconds(found['wall'])} |")
        print(lines[-1], flush=True)
    return [*lines, ""]


def table_of_growth(options: argparse.Namespace) -> list[str]:
    """The table of the cost of this project's sweep by number of customers and k_max."""
    lines = ["### Growth", "", "| customers | k_max | CPU s | µs a customer |", "|---:|---:|---:|---:|"]
    cases = [(n, options.k_max) for n in options.growth] + [(min(options.growth[-1], 100_000), k) for k in (20, 30)]
    drawn = []
    for n, k_max in cases if options.growth else []:
        found = measure(options, "this project", "log", n, k_max)
        if k_max == options.k_max:
            drawn.append({"customers": n, "CPU seconds": found["cpu"]})
        lines.append(f"| {n:,} | {k_max} | {seconds(found['cpu'])} | {1e6 * found['cpu'] / n:.2f} |")
        print(lines[-1], flush=True)
    if drawn:
        draw_growth(drawn, options.output.with_suffix(".png"))
        lines += ["", f"![CPU seconds over customers]({options.output.stem}.png)"]
    return [*lines, ""]


def draw_growth(points: list[dict], file: Path) -> None:
    """Draw CPU seconds over customers, both on logarithmic axes."""
    import altair as alt

    axes = {axis: alt.Scale(type="log") for axis in ("x", "y")}
    chart = alt.Chart(alt.Data(values=points), width=560, height=320).mark_line(point=True)
    chart.encode(
        x=alt.X("customers:Q", scale=axes["x"], axis=alt.Axis(format="~s")),
        y=alt.Y("CPU seconds:Q", scale=axes["y"]),
    ).save(file, scale_factor=2)


def table_of_floor() -> list[str]:
    """The table of the cost of a pass over a million customers, and its lower bounds by memory and by arithmetic."""
    from threadpoolctl import threadpool_limits

    from customer_segmentation.sweep import lloyd
    from customer_segmentation.threads import thread_limit

    def fastest(work) -> float:
        times = []
        for _ in range(7):
            start = time.process_time()
            work()
            times.append(time.process_time() - start)
        return min(times)

    n, centroids = 1_000_000, 54
    columns = features("log", n)
    rows = lloyd.Rows(columns, columns.mean(axis=1), np.empty(0))
    sets = [columns[:, :k].T.copy() for k in range(2, 11)]
    with thread_limit(1):
        sets = lloyd.lloyd(rows, sets, 20).centroids
        one, eleven = (fastest(lambda passes=passes: lloyd.lloyd(rows, sets, passes)) for passes in (1, 11))
    with threadpool_limits(limits=1):
        large = np.ones((2_000, 2_000), dtype=np.float32)
        rate = 2 * 2_000**3 / fastest(lambda: large @ large)
        whole = np.ones(50_000_000)
        bandwidth = whole.nbytes / fastest(whole.sum)
    bytes_floor, flops_floor = columns.nbytes / bandwidth, n * centroids * 3 * len(columns) / rate
    return [
        "### A Lloyd pass of one million customers, 4 features, 54 centroids, one thread",
        "",
        "| | ms |",
        "|---|---:|",
        f"| first pass, all rows summed | {1e3 * one:.1f} |",
        f"| further pass, few rows change | {1e2 * (eleven - one):.1f} |",
        f"| floor by memory: {columns.nbytes / 1e6:.0f} MB at {bandwidth / 1e9:.1f} GB/s | {1e3 * bytes_floor:.1f} |",
        f"| floor by arithmetic: at the {rate / 1e9:.0f} GFLOP/s of a matrix product | {1e3 * flops_floor:.1f} |",
        "",
    ]


def machine() -> list[str]:
    """The heading of the report: the machine, the versions, the command, and how to read the tables."""
    model = next(
        (line.split(":")[1].strip() for line in Path("/proc/cpuinfo").read_text().splitlines() if "model name" in line),
        platform.processor(),
    )
    known = []
    for package in ("numpy", "numba", "scikit-learn", "pandas"):
        try:
            known.append(f"{package} {version(package)}")
        except PackageNotFoundError:
            known.append(f"no {package}")
    return [
        "# The sweep compared with alternatives",
        "",
        f"{time.strftime('%Y-%m-%d')}, {model}, {os.cpu_count()} cores, Python {platform.python_version()},"
        f" {', '.join(known)}.",
        f"`python benchmarks/sweep.py {' '.join(sys.argv[1:])}`",
        "",
        "CPU seconds are the lowest of the repeats at the better number of threads, without imports and loading of"
        " compiled code except under Cold; spread is how much longer the slowest repeat took. Inertia is compared"
        " with the best of ten starts of scikit-learn on all rows; + is worse. * is extrapolated: the cost of the exact"
        " silhouette of the naive notebook grows with the square of the number of customers.",
        "",
    ]


def main() -> None:
    """Measure the sizes and data sets of the command line and write Markdown."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    whole_numbers = lambda text: [int(part) for part in text.split(",") if part]  # noqa: E731
    parser.add_argument("--sizes", type=whole_numbers, default=[620, 10_000, 100_000])
    parser.add_argument("--data", type=lambda text: text.split(","), default=["log", "raw", "tails", "thin"])
    parser.add_argument("--warehouses", type=lambda text: text.split(","), default=[], help="further data sets")
    parser.add_argument("--growth", type=whole_numbers, default=[1_000, 10_000, 100_000, 1_000_000])
    parser.add_argument("--threads", type=whole_numbers, default=sorted({1, os.cpu_count() or 1}))
    parser.add_argument("--k-max", type=int, default=10)
    parser.add_argument("--repeats", type=int, default=REPEATS)
    parser.add_argument("--peers-up-to", type=int, default=200_000, help="larger sizes run without alternatives")
    parser.add_argument("--peers-python", default=sys.executable)
    parser.add_argument("--output", type=Path, default=HERE / "sweep.md")
    parser.add_argument("--side", help=argparse.SUPPRESS)
    parser.add_argument("--cold", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.side:
        run_side(options.side, options.data[0], options.sizes[0], options.k_max, options.cold)
        return
    lines = [*machine(), *table_cold(options)]
    for n in options.sizes:
        for data in options.data:
            lines += table_of_sides(options, data, n)
    for warehouse in options.warehouses:
        lines += table_of_sides(options, warehouse, built(warehouse).shape[1])
    lines += table_of_growth(options) + table_of_floor()
    options.output.write_text("\n".join(lines))


if __name__ == "__main__":
    main()
