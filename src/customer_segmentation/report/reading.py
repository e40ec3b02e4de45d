"""The rows of the marts that the report reads, from a warehouse or a publication."""

from __future__ import annotations

import functools
from datetime import date
from pathlib import Path
from typing import Any

import duckdb

from customer_segmentation.report import ReportError, Row

# More points than this overlap on a screen and add megabytes to the file.
POINTS_AT_MOST = 5_000
# Where the map is a sample, each segment keeps at least this many points (all, if it has fewer), to stay visible.
POINTS_OF_A_SEGMENT_AT_LEAST = 50

# The report needs all of these marts.
REQUIRED_MARTS = (
    "customer_segments",
    "data_quality",
    "feature_catalogue",
    "k_selection",
    "segment_actions",
    "segment_features",
    "segment_map",
    "segment_map_axes",
    "segment_profiles",
    "segmentation_models",
)

# The columns that the page reads. The marts of an older version can lack some.
COLUMNS_READ = {
    "action_results": (
        "action action_id contact_date customers_held_out customers_treated difference_high difference_low "
        "horizon_days verdict wave"
    ),
    "audiences": "action_id action_rank customer_id segment_key status status_reason",
    "customer_360": (
        "customer_id days_since_last_transaction is_one_time_buyer is_quiet margin reason runner_up_segment_name "
        "segment_name suppression_reason total_spending transaction_count"
    ),
    "customer_segments": (
        "customer_id days_since_last_transaction days_since_signup is_one_time_buyer is_overridden is_quiet margin "
        "model_segment_name override_reason reason runner_up_segment_name segment_name total_quantity total_spending "
        "transaction_count"
    ),
    "data_quality": "amount input label outcome row_count rule share",
    "feature_catalogue": "feature label less more unit",
    "k_selection": (
        "davies_bouldin_index inertia is_admissible is_local_minimum is_selected is_stable k reason silhouette_score "
        "silhouette_standard_error smallest_cluster_size stability_index validity validity_reason"
    ),
    "segment_actions": (
        "action action_id action_rank audience customers expected_spending expected_spending_high "
        "expected_spending_low objective rationale segment_key segment_name"
    ),
    "segment_alternative_borders": "cluster_id description k neighbour_cluster_id",
    "segment_alternative_map": "cluster_id customer_id k x y",
    "segment_alternatives": (
        "avg_days_since_signup avg_quantity avg_total_spending avg_transactions cluster_id customer_share customers "
        "is_selected k quiet_share segment_name spending_share validity"
    ),
    "segment_attributes": "attribute customer_count is_suppressed lift segment_name share value",
    "segment_borders": "cluster_id description neighbour_cluster_id",
    "segment_drift": "build measure subject threshold training_value value",
    "segment_events": "as_of_date build customers event previous_segment_name segment_key segment_name",
    "segment_expected_spending": "horizon_days",
    "segment_features": "average cluster_id feature ratio_to_average",
    "segment_history": "customer_id segment_key segment_name valid_from_build valid_from_date",
    "segment_map": "customer_id segment_name x y",
    "segment_map_axes": "axis explained_variance_share feature loading",
    "segment_migrations": (
        "build customers from_segment_key from_segment_name is_move step to_segment_key to_segment_name total_spending"
    ),
    "segment_profiles": (
        "as_of_date avg_days_since_signup avg_quantity avg_total_spending avg_transaction_value avg_transactions "
        "cluster_id cluster_size customer_share description median_days_since_last_transaction one_time_share "
        "quiet_share returned_share segment_key segment_name spending_share"
    ),
    "segmentation_builds": "as_of_date build",
    "segmentation_models": (
        "as_of_date constant_features customers_clustered davies_bouldin_index dbt_version engine_version features "
        "inertia is_serving k model_id numpy_version python_version scikit_learn_version seed selected_by "
        "silhouette_score starts transforms"
    ),
}

# What the page knows of each customer. The other columns of customer_360 are either derived from these or attributes.
CUSTOMER_COLUMNS = (
    "customer_id",
    "segment_name",
    "runner_up_segment_name",
    "reason",
    "is_one_time_buyer",
    "is_quiet",
    "total_spending",
    "transaction_count",
    "days_since_last_transaction",
    "margin",
)
NOT_ATTRIBUTES = (
    *CUSTOMER_COLUMNS,
    "segment_key",
    "archetype",
    "model_segment_name",
    "is_overridden",
    "customer_since",
    "first_purchase_date",
    "last_purchase_date",
    "average_transaction_value",
    "usual_interval_days",
    "returned_amount",
    "suppression_reason",
)


class Marts:
    """The marts of a warehouse or of a publication, opened read-only. Only the schema `marts` is read."""

    def __init__(self, database: Path) -> None:
        """Open a database.

        Raises:
            ReportError: The file does not exist, cannot be opened, or lacks required marts or columns.
        """
        if not database.is_file():
            raise ReportError(f"There is no warehouse {database}. `make build` creates one.")
        try:
            self.connection = duckdb.connect(str(database), read_only=True)
        except duckdb.Error as error:
            raise ReportError(f"The warehouse {database} cannot be opened: {error}") from error
        found = self._rows("select table_name from information_schema.tables where table_schema = 'marts'")
        self._names = {row["table_name"] for row in found}
        if missing := sorted(set(REQUIRED_MARTS) - self._names):
            raise ReportError(
                f"The warehouse {database} lacks the marts {', '.join(missing)}. "
                "Run `make build`, without these in the setting disabled_marts."
            )
        found = self._rows(
            "select table_name, column_name from information_schema.columns where table_schema = 'marts'"
        )
        columns = {(row["table_name"], row["column_name"]) for row in found}
        if lacking := [
            f"{mart}.{column}"
            for mart, read in COLUMNS_READ.items()
            if mart in self._names
            for column in read.split()
            if (mart, column) not in columns
        ]:
            raise ReportError(
                f"The warehouse {database} was built by an older version, without {', '.join(lacking)}. "
                "Run `make build`, and `make publish` if this is a publication."
            )

    def _rows(self, sql: str, parameters: dict[str, int | str] | None = None) -> list[Row]:
        answer = self.connection.execute(sql, parameters or {})
        columns = [column[0] for column in answer.description]
        return [dict(zip(columns, row, strict=True)) for row in answer.fetchall()]

    def _rows_if(self, mart: str, sql: str) -> list[Row]:
        """The rows of a query; none if a mart that it reads is missing."""
        return self._rows(sql) if mart in self._names else []

    # ---- the segments -------------------------------------------------------------------------------------------

    @functools.cached_property
    def features(self) -> dict[str, Row]:
        """The feature catalogue by feature: label, unit, and what a high and a low value mean."""
        return {row["feature"]: row for row in self._rows("from marts.feature_catalogue")}

    def segment_profiles(self) -> list[Row]:
        """The segments in descending order of average spending, customers without a purchase last."""
        return self._rows("from marts.segment_profiles order by cluster_id desc nulls last, segment_name")

    def segment_actions(self) -> list[Row]:
        """The actions of each segment, by rank.

        `customers` counts customers with an override where they were put, as the lists of customers do;
        `model_customers` counts them in the segment of the model, as expected spending does.
        """
        return self._rows(
            """
            with segment_sizes as (
                select
                    segment_name,
                    count(*) as everyone,
                    count(*) filter (where is_quiet) as quiet,
                    count(days_since_last_transaction) filter (where not is_quiet) as active
                from marts.customer_segments
                group by segment_name
            ),

            actions_counted as (
                select
                    -- Where nobody can be known to be quiet, nobody is called active.
                    segment_actions.*
                        replace (
                            if(segment_profiles.quiet_share is null, 'everyone', segment_actions.audience) as audience
                        )
                        rename (customers as model_customers),
                    case segment_actions.audience
                        when 'everyone' then segment_sizes.everyone
                        when 'quiet' then segment_sizes.quiet
                        else segment_sizes.active
                    end as customers
                from marts.segment_actions
                inner join segment_sizes
                    on segment_actions.segment_name = segment_sizes.segment_name
                inner join marts.segment_profiles
                    on segment_actions.segment_key = segment_profiles.segment_key
            )

            from actions_counted
            where customers > 0
            order by segment_name, action_rank
            """
        )

    def actions_due(self) -> list[Row] | None:
        """How many customers each action is to reach now, those with the most expected spending first.

        Empty if nobody is to be contacted; None if the mart is missing.
        """
        if "audiences" not in self._names:
            return None
        return self._rows(
            """
            select
                segment_actions.action,
                segment_actions.segment_name as segment,
                audiences.action_id || '.csv' as list,
                count(*) filter (where audiences.status = 'treated') as to_contact,
                count(*) filter (where audiences.status = 'holdout') as held_out,
                segment_actions.expected_spending
            from marts.audiences
            inner join marts.segment_actions
                on audiences.segment_key = segment_actions.segment_key
                and audiences.action_id = segment_actions.action_id
            group by all
            having to_contact > 0
            order by segment_actions.expected_spending desc nulls last, to_contact desc, list
            """
        )

    def most_actions_at_once(self) -> int:
        """The most actions that a customer is to get now, or is held out of; 0 if there are none."""
        rows = self._rows_if(
            "audiences",
            "select count(*) as actions from marts.audiences where status in ('treated', 'holdout')"
            " group by customer_id order by actions desc limit 1",
        )
        return rows[0]["actions"] if rows else 0

    def expected_spending_days(self) -> int | None:
        """The days that expected spending is about; None if the mart is missing or empty."""
        if "segment_expected_spending" not in self._names:
            return None
        return self._rows("select max(horizon_days) as days from marts.segment_expected_spending")[0]["days"]

    def latest_results(self) -> list[Row] | None:
        """What came of the actions after the longest horizon that has ended, latest wave first.

        Of the last three waves that have a verdict, and of the last three that wait for their first one. The numbers
        of waves have gaps: a wave of removed files alone has no results. Empty before the first export; None if the
        mart is missing.
        """
        if "action_results" not in self._names:
            return None
        return self._rows(
            """
            with waves_shown as (
                select wave
                from marts.action_results
                group by wave
                qualify row_number() over (partition by bool_and(verdict = 'too early') order by wave desc) <= 3
            )

            select
                coalesce(action, action_id) as action,
                contact_date as contacted_on,
                case verdict
                    when 'more' then 'They spent more'
                    when 'less' then 'They spent less'
                    else upper(verdict[1]) || verdict[2:]
                end as verdict,
                horizon_days as days,
                customers_treated as contacted,
                customers_held_out as held_out,
                difference_low as difference_from,
                difference_high as difference_to
            from marts.action_results
            where wave in (select wave from waves_shown)
            qualify
                row_number() over (
                    partition by wave, action_id
                    order by
                        verdict = 'too early',
                        case when verdict = 'too early' then horizon_days else -horizon_days end
                ) = 1
            order by wave desc, action
            """
        )

    def segment_features(self) -> list[Row]:
        """The average of each feature in each segment."""
        return self._rows("from marts.segment_features order by cluster_id, feature")

    def segment_attributes(self) -> list[Row]:
        """The share of each value of each attribute in each segment; empty if the mart is missing."""
        return self._rows_if(
            "segment_attributes", "from marts.segment_attributes order by attribute, value, segment_name"
        )

    def segment_borders(self) -> list[Row]:
        """What is between each pair of neighbouring segments; empty if the mart is missing."""
        return self._rows_if("segment_borders", "from marts.segment_borders order by cluster_id, neighbour_cluster_id")

    # ---- the map ------------------------------------------------------------------------------------------------

    def segment_map_axes(self) -> list[Row]:
        """The loading of each feature on each axis of the map."""
        return self._rows("from marts.segment_map_axes order by axis, feature")

    def map_points(self, features: list[str], at_most: int = POINTS_AT_MOST) -> tuple[list[Row], int]:
        """The customers on the map.

        Beyond `at_most` each segment is sampled in proportion to its size. Which customers are drawn depends only on
        their ids, so the same warehouse gives the same picture.

        Args:
            features: The columns of customer_segments to return with each point.
            at_most: The most points shown, not counting those added for small segments.

        Returns:
            One row per point (`segment_name`, `customer_id`, `x`, `y` and the features), and the number of customers
            that the map could show.
        """
        columns = "".join(f', customer_segments."{name}"' for name in features)
        points = self._rows(
            f"""
            with placed as (
                select
                    segment_map.segment_name,
                    segment_map.customer_id,
                    segment_map.x,
                    segment_map.y{columns},
                    row_number() over (
                        partition by segment_map.segment_name
                        order by md5(segment_map.customer_id), segment_map.customer_id
                    ) as place,
                    count(*) over (partition by segment_map.segment_name) as segment_size,
                    count(*) over () as customers
                from marts.segment_map
                inner join marts.customer_segments using (customer_id)
            ),

            -- The first customers of this order are drawn from each segment in proportion to its size.
            interleaved as (
                select
                    *,
                    row_number() over (
                        order by (place - 0.5) / segment_size, segment_name
                    ) as turn
                from placed
            )

            select * exclude (place, segment_size, turn)
            from interleaved
            where turn <= $at_most or place <= $at_least
            order by md5(customer_id), customer_id
            """,
            {"at_most": at_most, "at_least": POINTS_OF_A_SEGMENT_AT_LEAST},
        )
        return points, points[0]["customers"] if points else 0

    # ---- the customers ------------------------------------------------------------------------------------------

    def customer_count(self) -> int:
        """The number of customers, with or without a purchase."""
        return self._rows("select count(*) as customers from marts.customer_segments")[0]["customers"]

    def customers(self) -> dict[str, list[Any]]:
        """Every customer as columns, those who have spent most first.

        Returns:
            The columns of CUSTOMER_COLUMNS, then the attributes. Without customer_360 there are no attributes.
        """
        source = "customer_360" if "customer_360" in self._names else "customer_segments"
        found = self.connection.execute(f"from marts.{source} limit 0").description
        attributes = [name for name, *_ in found if name not in NOT_ATTRIBUTES] if source == "customer_360" else []
        names = (*CUSTOMER_COLUMNS, *attributes)
        listed = ", ".join(f'"{name}"' for name in names)
        rows = self.connection.execute(
            f"select {listed} from marts.{source} order by total_spending desc nulls last, customer_id"
        ).fetchall()
        columns = zip(*rows, strict=True) if rows else ([] for _ in names)
        return {name: list(values) for name, values in zip(names, columns, strict=True)}

    def moved_customers(self) -> list[Row]:
        """The segments, one after the other, of each customer who has been in more than one; empty without a history.

        Each row is a stay in a segment; `is_latest_move` says whether it began with the latest build. A new name of
        the same segment is no move.
        """
        if not {"segment_history", "segment_migrations"} <= self._names:
            return []
        return self._rows(
            """
            with stays as (
                select
                    customer_id,
                    segment_name,
                    valid_from_build,
                    valid_from_date,
                    lag(segment_key) over customer as key_before,
                    segment_key
                from marts.segment_history
                window customer as (partition by customer_id order by valid_from_build)
            )

            select
                customer_id,
                segment_name,
                valid_from_date,
                valid_from_build = (select max(build) from marts.segment_migrations) as is_latest_move
            from stays
            where key_before is distinct from segment_key
            qualify count(*) over (partition by customer_id) > 1
            order by customer_id, valid_from_build
            """
        )

    def contacts_due(self) -> list[Row]:
        """The customers whom each action is to reach now, and those held out; empty if the mart is missing."""
        return self._rows_if(
            "audiences",
            "select customer_id, action_id, status from marts.audiences where status in ('treated', 'holdout')"
            " order by action_id, customer_id",
        )

    def overrides(self) -> list[Row]:
        """The customers who were put into a segment by hand, with the segment of the model and the reason."""
        return self._rows(
            "select customer_id, model_segment_name, override_reason from marts.customer_segments"
            " where is_overridden order by customer_id"
        )

    def suppressed_customers(self) -> list[Row]:
        """The contacts that are suppressed, with their reasons; empty if the marts are missing.

        `is_every_action` says whether this is so for all actions that the customer would get. A customer whom no
        action may reach is suppressed in a segment without an action for contact, too.
        """
        of_customers = self._rows_if(
            "customer_360",
            """
            select
                customer_id,
                null as action_id,
                suppression_reason as reason,
                true as is_every_action
            from marts.customer_360
            where suppression_reason is not null
            order by customer_id
            """,
        )
        of_actions = self._rows_if(
            "audiences",
            """
            select
                customer_id,
                action_id,
                status_reason as reason,
                bool_and(status = 'suppressed') over (partition by customer_id) as is_every_action
            from marts.audiences
            qualify status = 'suppressed'
            order by customer_id, action_rank
            """,
        )
        told = {row["customer_id"] for row in of_customers}
        return of_customers + [row for row in of_actions if row["customer_id"] not in told]

    # ---- the model and its data ---------------------------------------------------------------------------------

    def k_selection(self) -> list[Row]:
        """The metrics of each k."""
        return self._rows("from marts.k_selection order by k")

    def segment_alternatives(self) -> list[Row]:
        """The segments of each other k, those that spend most first.

        Empty if the mart is missing, or is not that of the serving model.
        """
        return self._rows_if(
            "segment_alternatives",
            """
            select *
            from marts.segment_alternatives
            where not is_selected and (select bool_or(is_selected) from marts.segment_alternatives)
            order by k, cluster_id desc
            """,
        )

    def alternative_borders(self) -> list[Row]:
        """What is between each pair of neighbouring segments of each k; empty if the mart is missing."""
        return self._rows_if(
            "segment_alternative_borders",
            "from marts.segment_alternative_borders order by k, cluster_id, neighbour_cluster_id",
        )

    def alternative_map(self) -> list[Row]:
        """The customers of a sample with their position, and for each k their segment; empty if the mart is missing.

        Returns:
            One row per customer: `x`, `y` and `cluster_ids`, a dictionary by k.
        """
        return self._rows_if(
            "segment_alternative_map",
            """
            select
                any_value(x) as x,
                any_value(y) as y,
                map_from_entries(list((k, cluster_id))) as cluster_ids
            from marts.segment_alternative_map
            group by customer_id
            order by md5(customer_id), customer_id
            """,
        )

    def data_quality(self) -> list[Row]:
        """The input rows by outcome and rule: transactions before customers, and used rows first."""
        return self._rows("from marts.data_quality order by input desc, outcome desc, row_count desc, rule")

    def transactions_location(self) -> str | None:
        """The file or table that the transactions were read from; None if the mart does not say."""
        rows = [row for row in self.data_quality() if row["input"] == "transactions"]
        return rows[0].get("location") if rows else None

    def as_of_date(self) -> date | None:
        """The day as of which the segments are described; None without segments."""
        return self._rows("select max(as_of_date) as as_of_date from marts.segment_profiles")[0]["as_of_date"]

    def serving_model(self) -> Row | None:
        """The serving model; None if there is none."""
        return next(iter(self._rows("from marts.segmentation_models where is_serving")), None)

    def previous_date(self) -> date | None:
        """The day as of which the build before the latest described the customers; None if the mart is missing."""
        if "segmentation_builds" not in self._names:
            return None
        days = self._rows("select as_of_date from marts.segmentation_builds order by build desc limit 2")
        return days[1]["as_of_date"] if len(days) > 1 else None

    # ---- the past -----------------------------------------------------------------------------------------------

    def segment_events(self) -> list[Row]:
        """The segments that appeared, disappeared or were renamed, latest first; empty if the mart is missing."""
        return self._rows_if(
            "segment_events",
            """
            select
                build,
                as_of_date,
                event,
                previous_segment_name as name_before,
                segment_name as name_now,
                customers
            from marts.segment_events
            order by build desc, segment_key
            """,
        )

    def latest_migrations(self) -> list[Row]:
        """How many customers the latest build has moved from segment to segment, or left where they were.

        Steps are `behaviour` (what customers did), `model` (a new model) and `both`. Empty if the mart is missing, and
        before the second build. Segments go by their keys, so a new name is no move.
        """
        return self._rows_if(
            "segment_migrations",
            """
            select
                step,
                from_segment_key,
                to_segment_key,
                from_segment_name,
                to_segment_name,
                is_move,
                customers,
                total_spending
            from marts.segment_migrations
            where build = (select max(build) from marts.segment_migrations)
            order by step, customers desc, from_segment_key nulls first, to_segment_key nulls first
            """,
        )

    def latest_drift(self) -> list[Row]:
        """The drift measures with a threshold in the latest build after the first; empty if the mart is missing."""
        return self._rows_if(
            "segment_drift",
            """
            select
                replace(measure, '_', ' ') as measure,
                replace(subject, '_', ' ') as subject,
                training_value as in_training,
                value as now,
                threshold as warns_above
            from marts.segment_drift
            where threshold is not null and build = (select max(build) from marts.segment_drift where build > 1)
            """,
        )
