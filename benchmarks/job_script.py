"""The bare job as an analyst would write it by hand: features in DuckDB, nine fits in scikit-learn, two tables.

Usage: python benchmarks/job_script.py TRANSACTIONS CUSTOMERS OUTPUT [--starts 10]

It has no checks, rejects, names, reasons, history or tests. job.py runs it beside the project.
"""

from __future__ import annotations

import argparse
import os

import duckdb
import numpy as np
import pandas as pd
from sklearn.cluster import KMeans
from sklearn.metrics import davies_bouldin_score, silhouette_score
from sklearn.preprocessing import StandardScaler

FEATURES = ["total_spending", "total_quantity", "transaction_count", "days_since_signup"]
MONEY_AND_COUNTS = FEATURES[:3]

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("transactions")
parser.add_argument("customers")
parser.add_argument("output")
parser.add_argument("--starts", type=int, default=10)
given = parser.parse_args()

warehouse = duckdb.connect(given.output)
warehouse.execute(f"set threads = {len(os.sched_getaffinity(0))}")
customers = warehouse.execute(
    f"""
    with lines as (
        select
            customer_id,
            transaction_id,
            cast(transaction_date as date) as transaction_date,
            cast(quantity as decimal(18, 3)) as quantity,
            cast(amount as decimal(18, 2)) as amount
        from '{given.transactions}'
    ),
    totals as (
        select
            customer_id,
            sum(amount) as total_spending,
            sum(quantity) as total_quantity,
            count(distinct transaction_id) as transaction_count,
            max(transaction_date) as last_date
        from lines
        group by customer_id
    )
    select
        totals.customer_id,
        cast(total_spending as double) as total_spending,
        cast(total_quantity as double) as total_quantity,
        cast(transaction_count as double) as transaction_count,
        cast((select max(last_date) from totals) - cast(signup_date as date) as double) as days_since_signup
    from totals
    inner join '{given.customers}' as people on people.customer_id = totals.customer_id
    """
).df()
values = customers[FEATURES].copy()
values[MONEY_AND_COUNTS] = np.log1p(values[MONEY_AND_COUNTS].clip(lower=0))
scaled = StandardScaler().fit_transform(values)
metrics, fits = [], {}
for k in range(2, 11):
    fits[k] = KMeans(k, n_init=given.starts, random_state=42).fit(scaled)
    labels = fits[k].labels_
    sample_size = min(len(scaled), 2000)
    metrics.append(
        {
            "k": k,
            "inertia": fits[k].inertia_,
            "davies_bouldin": davies_bouldin_score(scaled, labels),
            "silhouette": silhouette_score(scaled, labels, sample_size=sample_size, random_state=42),
        }
    )
selection = pd.DataFrame(metrics)
best = int(selection.loc[selection["davies_bouldin"].idxmin(), "k"])
segments = customers.assign(cluster=fits[best].labels_)
warehouse.execute("create or replace table customer_segments as select * from segments")
warehouse.execute("create or replace table k_selection as select * from selection")
print(f"k = {best}, {len(segments)} customers")
