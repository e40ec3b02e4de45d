{#
    What the warehouse keeps from one build to the next: the register of models and the log of builds. Rows are only
    ever appended to them. The counts of input rows (int_completed_volumes) are kept too, and replaced. Models upstream
    of these tables cannot `ref` them, and so read them through these macros.
#}

{% macro stored_relation(name) %}
    {#- A stored table as an earlier build left it, or none if there is none. -#}
    {%- if not execute -%}{%- do return(none) -%}{%- endif -%}
    {%- set node = graph.nodes[model_id_of(name)] -%}
    {%- do return(load_relation(api.Relation.create(
        database=node.database, schema=node.schema, identifier=node.alias
    ))) -%}
{% endmacro %}


{% macro earlier_version(column) %}
    {#- The table of the model itself as an earlier build left it; none if there is none, or none with this column. -#}
    {%- if not execute or model.resource_type != 'model' -%}{%- do return(none) -%}{%- endif -%}
    {%- set stored = load_relation(this) -%}
    {%- set has_column = stored and column in adapter.get_columns_in_relation(stored) | map(attribute='name') -%}
    {%- do return(stored if has_column else none) -%}
{% endmacro %}


{% macro builds_one_at_a_time() %}
    {#- Whether the engine lets only one process build: a DuckDB file is locked, and so is the catalog of the target
        spark, which profiles.yml calls embedded. A server, even with such a catalog, may have several clients. -#}
    {%- if target.type == 'duckdb' -%}{%- do return(true) -%}{%- endif -%}
    {#- Databricks refuses to read a variable that it does not know, and so does Sail. -#}
    {%- if target.type != 'sparksession' or is_sail() -%}{%- do return(false) -%}{%- endif -%}
    {%- set catalog = run_query('set spark.customer_segmentation.catalog').rows[0]['value'] -%}
    {%- do return(catalog == 'embedded') -%}
{% endmacro %}


{% macro is_sail() %}
    {%- do return(run_query('select version()').rows[0][0].startswith('0.')) -%}
{% endmacro %}


{% macro build_in_progress() %}
    {#- The table that is there while a build runs, beside the register. -#}
    {%- set node = graph.nodes[model_id_of('int_model_register')] -%}
    {%- do return(api.Relation.create(
        database=node.database, schema=node.schema, identifier='build_in_progress', type='table'
    )) -%}
{% endmacro %}


{% macro stored_formats() %}
    {#- {table: how Spark stores it} of the tables that builds add to, as an earlier build left them: parquet, iceberg
        or delta; none, as in history_format, is a Parquet table without partitions, to which no build can add. -#}
    {%- set formats = {} -%}
    {%- if target.type == 'duckdb' -%}{%- do return(formats) -%}{%- endif -%}
    {%- for name in ['int_model_register', 'int_build_log', 'int_export_log'] -%}
        {%- set table = stored_relation(name) -%}
        {%- set said = (table.information or '') if table else '' -%}
        {%- set provider = modules.re.search('Provider: ([a-z]+)', said) -%}
        {%- if provider -%}
            {%- set is_whole = provider.group(1) == 'parquet' and 'Partition Provider' not in said -%}
            {%- do formats.update({name: 'none' if is_whole else provider.group(1)}) -%}
        {%- endif -%}
    {%- endfor -%}
    {%- do return(formats) -%}
{% endmacro %}


{% macro check_history_format() %}
    {#- Stops a run whose engine cannot keep history in this format, and one that would lose the history that an earlier
        run stored in another. -#}
    {%- if not execute or target.type == 'duckdb' -%}{%- do return('') -%}{%- endif -%}
    {%- set format = setting('history_format') -%}
    {%- if format == 'parquet' and is_sail() -%}
        {%- do refuse_setting(
            'history_format', 'parquet',
            'Sail adds no partitions to a table; iceberg and delta keep the history, none does not'
        ) -%}
    {%- endif -%}
    {%- if flags.WHICH not in ('build', 'run') -%}{%- do return('') -%}{%- endif -%}
    {%- for name, stored in stored_formats().items() if stored not in ('none', format) -%}
        {%- do refuse_setting(
            'history_format', format, 'the history in ' ~ stored_relation(name) ~ ' is stored as ' ~ stored
            ~ '; with another format the next build would be the first. To begin anew, drop that table'
        ) -%}
    {%- endfor -%}
{% endmacro %}


{% macro drop_tables_without_history() %}
    {#- Before the first build that keeps history: drops the tables that builds without one left. -#}
    {%- if not execute or flags.WHICH not in ('build', 'run') or not keeps_history() -%}
        {%- do return('') -%}
    {%- endif -%}
    {%- for name, stored in stored_formats().items() if stored == 'none' -%}
        {%- do adapter.drop_relation(stored_relation(name)) -%}
    {%- endfor -%}
{% endmacro %}


{% macro check_no_build_runs() %}
    {#- Refuses a second build of a warehouse that one is building. -#}
    {%- if not execute or flags.WHICH not in ('build', 'run') or builds_one_at_a_time() -%}
        {%- do return('') -%}
    {%- endif -%}
    {%- set mark = build_in_progress() -%}
    {%- if load_relation(mark) -%}
        {%- set other = run_query('select invocation_id, begun_at from ' ~ mark).rows[0] -%}
        {%- do exceptions.raise_compiler_error(
            'The build ' ~ other['invocation_id'] ~ ', begun at ' ~ other['begun_at'] ~ ', is still running, or'
            ~ ' was killed. Two at once would mix their marts. If none is running: dbt run-operation end_build'
            ~ ' --target ' ~ target.name
        ) -%}
    {%- endif -%}
{% endmacro %}


{% macro begin_build() %}
    {#- Makes the mark of a build; the engine refuses a second one. After all checks, since a run that a check stops
        has no end; and before anything is dropped that another build reads. -#}
    {%- if not execute or flags.WHICH not in ('build', 'run') or builds_one_at_a_time() -%}
        {%- do return('') -%}
    {%- endif -%}
    {%- set mark = build_in_progress() -%}
    {%- do adapter.create_schema(mark) -%}
    {#- Sail's answer to this statement cannot be fetched. No format is named, as Databricks has Delta Lake alone. -#}
    {%- call statement('begin_build') -%}
        create table {{ mark }} as select {{ current_invocation() }} as invocation_id, now() as begun_at
    {%- endcall -%}
{% endmacro %}


{% macro end_build() %}
    {#- Lets the next build begin. Also for the command line, after a build was killed. -#}
    {%- if not execute or builds_one_at_a_time() or flags.WHICH not in ('build', 'run', 'run-operation') -%}
        {%- do return('') -%}
    {%- endif -%}
    {%- do run_query('drop table if exists ' ~ build_in_progress()) -%}
{% endmacro %}


{% macro current_invocation() -%}
    {#- The id of this dbt run. It distinguishes a model trained by this run from one that an earlier run left. -#}
    {{ quote_literal(invocation_id) }}
{%- endmacro %}


{% macro is_training_run() %}
    {#- Whether this run trains a model; otherwise it scores with a stored one (--selector score). Only the checks
        before a run and the log use this: the SQL of a model does not depend on the selection. -#}
    {%- do return(model_id_of('int_model_register') in selected_resources) -%}
{% endmacro %}


{% macro is_whole_run() %}
    {#- Whether this run builds every model, or every model except the training ones, as the selector `score` does. -#}
    {%- if not execute -%}{%- do return(true) -%}{%- endif -%}
    {%- for id, node in graph.nodes.items()
        if node.resource_type == 'model' and node.package_name == 'customer_segmentation'
        and id not in selected_resources -%}
        {%- if is_training_run() or 'training' not in node.tags -%}{%- do return(false) -%}{%- endif -%}
    {%- endfor -%}
    {%- do return(true) -%}
{% endmacro %}


{% macro is_partial_run() %}
    {#- Whether this run builds only some of the models. A run of tests alone builds none and is not a partial run. -#}
    {%- for id in selected_resources if id.startswith(model_id_of('')) -%}
        {%- do return(not is_whole_run()) -%}
    {%- endfor -%}
    {%- do return(false) -%}
{% endmacro %}


{% macro stored_models() -%}
    {#- The register as an earlier build left it: model_id, sequence and clusters. -#}
    {%- set register = stored_relation('int_model_register') if keeps_history() else none -%}
    {%- if register -%}
    (select model_id, sequence, clusters from {{ register }})
    {%- else -%}
    (
        select
            cast(null as string) as model_id,
            cast(null as integer) as sequence,
            cast(null as {{ model_cluster_type() }}) as clusters
        where false
    )
    {%- endif -%}
{%- endmacro %}


{% macro stored_builds() -%}
    {#- The log as an earlier build left it. -#}
    {%- set builds = stored_relation('int_build_log') if keeps_history() else none -%}
    {%- if builds -%}
    (select * from {{ builds }})
    {%- else -%}
    (
        select
            cast(null as integer) as build,
            cast(null as boolean) as is_build,
            cast(null as string) as model_id,
            cast(null as string) as trained_model_id,
            cast(null as string) as fingerprint,
            cast(null as {{ logged_segment_type() }}) as segments,
            cast(null as string) as customer_id,
            cast(null as string) as segment_key,
            cast(null as string) as segment_name
        where false
    )
    {%- endif -%}
{%- endmacro %}


{% macro logged_segments(also=[]) -%}
    {#- CTEs that follow build_log. builds has one row per build, with the number of the one before and further columns;
        segments_logged has one row per build and segment. -#}
builds as (
    select
        build,
        as_of_date,
        {%- for column in also %}
        {{ column }},
        {%- endfor %}
        lag(build) over (order by build) as previous_build
    from build_log
    where is_build
),

segments_logged as (
    select
        build,
        {{ unnest_structs('segments') }}  -- noqa: AL03
    from build_log
    where is_build
)
{%- endmacro %}


{% macro previous_segments() -%}
    {#- The customers of the last completed build with their segments. Each model that needs them reads the log itself,
        so that they are also right in a run of only some of the models. -#}
    (
        select
            customer_id,
            state.segment_key,
            state.segment_name
        from (
            select
                customer_id,
                max_by(
                    {{ named_struct({'segment_key': 'segment_key', 'segment_name': 'segment_name'}) | indent(20) }},
                    build
                ) as state
            from {{ stored_builds() }} as builds
            where not is_build
            group by customer_id
        ) as last_states
        -- A null key means that the customer left.
        where state.segment_key is not null
    )
{%- endmacro %}


{% macro array_agg_rows(columns, order_by) -%}
    {#- All rows of a query as a list of structs, so that they are stored atomically with their model or build. -#}
    {{ array_agg_structs(dict(zip(columns, columns)), order_by) }}
{%- endmacro %}


{% macro model_cluster_type() -%}
    {{ array_of_structs_type({
        'cluster': 'bigint', 'segment_key': 'string', 'cluster_size': 'bigint', 'mean_distance': 'double',
        'feature_order': 'integer', 'feature': 'string', 'transform': 'string', 'lower_bound': 'double',
        'upper_bound': 'double', 'center': 'double', 'scale': 'double', 'centroid': 'double',
        'centroid_original': 'double', 'loading_x': 'double', 'loading_y': 'double', 'explained_x': 'double',
        'explained_y': 'double',
    }) }}
{%- endmacro %}


{% macro logged_segment_type() -%}
    {{ array_of_structs_type({
        'segment_key': 'string', 'segment_name': 'string', 'customers': 'bigint', 'total_spending': 'decimal(38, 2)',
    }) }}
{%- endmacro %}


{% macro check_tables_of_training() %}
    {#- Stops a run that scores in a warehouse of an earlier version, which trained without a table or a column that
        this one reads. -#}
    {%- set checked = [] -%}
    {%- for id in selected_resources if id in graph.nodes and graph.nodes[id].resource_type == 'model' -%}
        {%- for read in graph.nodes[id].depends_on.nodes if read not in selected_resources and read not in checked -%}
            {%- do checked.append(read) -%}
            {%- set node = graph.nodes.get(read) -%}
            {%- if node and node.package_name == 'customer_segmentation' and 'training' in node.tags -%}
                {%- set stored = stored_relation(node.name) -%}
                {%- set present = run_query('select * from ' ~ stored ~ ' limit 0').column_names if stored else [] -%}
                {%- set absent = node.columns | map('lower') | reject('in', present | map('lower') | list) | list -%}
                {%- if not stored or absent -%}
                    {%- do exceptions.raise_compiler_error(
                        'The table ' ~ node.name ~ (' lacks the column ' ~ absent[0] if stored else ' is missing')
                        ~ ', which training makes and scoring reads: an earlier version trained the model. Train one'
                        ~ ' first: make build, or dbt build without --selector score.'
                    ) -%}
                {%- endif -%}
            {%- endif -%}
        {%- endfor -%}
    {%- endfor -%}
{% endmacro %}


{% macro check_stored_model() %}
    {#- A run that scores needs a stored model, and the settings must be those that it was trained with. A run that
        trains needs no stored model, but a pinned model must exist and match the settings. -#}
    {%- if not execute or flags.WHICH not in ('build', 'run') -%}{%- do return('') -%}{%- endif -%}
    {%- if model_id_of('int_serving_model') not in selected_resources -%}
        {%- do return('') -%}
    {%- endif -%}
    {%- set pinned = setting('model_id') -%}
    {#- The register of a build without history is dropped before this run. -#}
    {%- set is_dropped = keeps_history() and stored_formats().get('int_model_register') == 'none' -%}
    {%- set register = stored_relation('int_model_register') if not is_dropped -%}
    {%- set known = run_query(
        'select model_id from ' ~ register ~ ' order by sequence desc'
    ).columns[0].values() | list if register else [] -%}
    {%- if pinned is not none and pinned not in known -%}
        {%- do refuse_setting(
            'model_id', pinned,
            'the warehouse has no model with this id (it has ' ~ (known[:10] | join(', ') or 'none')
            ~ '); marts.segmentation_models lists the stored models, and null serves the newest one'
        ) -%}
    {%- endif -%}
    {%- if is_training_run() and pinned is none -%}{%- do return('') -%}{%- endif -%}
    {%- if not known -%}
        {%- do exceptions.raise_compiler_error(
            'There is no stored model in ' ~ target.get('path', target.name) ~ ' to score with. Train one first: make'
            ~ ' build, or dbt build without --selector score.'
        ) -%}
    {%- endif -%}
    {%- do check_tables_of_training() if not is_training_run() -%}
    {%- set model = run_query(
        'select * from ' ~ register ~ ' where model_id = '
        ~ serving_model_id(register)
    ).rows[0] -%}
    {#- A query returns a decimal, which does not equal the float 0.95. -#}
    {%- set stored_winsorize = none if model['winsorize'] is none else model['winsorize'] | float -%}
    {#- A register written by an earlier version does not have this column. -#}
    {%- set stored_window = model['observation_window_days'] if 'observation_window_days' in model.keys() -%}
    {%- set stored_window = none if not stored_window else stored_window | int -%}
    {%- set remedy = (
        '. Restore it, or train a model: make build, or dbt build without --selector score' if not is_training_run()
        else '. Restore it, or set model_id to null'
    ) -%}
    {%- set stored = 'the stored model ' ~ model['model_id'] ~ ' was trained with ' -%}
    {%- if model['features'] != setting('features') | join(', ') -%}
        {%- do refuse_setting('features', setting('features'), stored ~ model['features'] ~ remedy) -%}
    {%- elif model['transforms'] != transforms_text() -%}
        {%- do refuse_setting('transforms', setting('transforms'), stored ~ model['transforms'] ~ remedy) -%}
    {%- elif stored_winsorize != setting('winsorize') -%}
        {%- do refuse_setting(
            'winsorize', setting('winsorize'), stored ~ (stored_winsorize or 'none') ~ remedy
        ) -%}
    {%- elif stored_window != setting('observation_window_days') -%}
        {%- do refuse_setting(
            'observation_window_days', setting('observation_window_days'), stored ~ (stored_window or 'none') ~ remedy
        ) -%}
    {%- elif 'days_since_signup' in setting('features')
        and (model.get('tenure_from') or setting('tenure_from')) != setting('tenure_from') -%}
        {%- do refuse_setting('tenure_from', setting('tenure_from'), stored ~ model['tenure_from'] ~ remedy) -%}
    {%- elif setting('k') is not none and setting('k') != model['k'] -%}
        {%- do refuse_setting('k', setting('k'), stored ~ 'k = ' ~ model['k'] ~ remedy) -%}
    {%- elif model['k'] > clusters_at_most() | length -%}
        {%- do refuse_setting('k_max', setting('k_max'), stored ~ 'k = ' ~ model['k'] ~ remedy) -%}
    {%- endif -%}
{% endmacro %}


{% macro serving_model_id(register, trained_model=none) -%}
    {#- A scalar query for the id of the serving model: the pinned one; else the one trained by this run; else the one
        trained by the last completed build that trained; else the newest. Before a run, there is no trained model. -#}
    {%- set pinned = setting('model_id') -%}
    {%- if pinned is not none -%}
    {{ quote_literal(pinned) }}
    {%- else -%}
    coalesce(
        {%- if trained_model %}
        (
            select max(model_id)
            from {{ trained_model }}
            where invocation_id = {{ current_invocation() }}
        ),
        {%- endif %}
        (
            select max_by(trained_model_id, build)
            from {{ stored_builds() }}
            where is_build and trained_model_id is not null
        ),
        (select max_by(newest.model_id, newest.sequence) from {{ register }} as newest)
    )
    {%- endif -%}
{%- endmacro %}


{% macro transforms_text() -%}
    {#- The clustered features with their transforms, as the register stores them. -#}
    {%- set texts = [] -%}
    {%- for feature in setting('features') -%}
        {%- do texts.append(feature ~ ': ' ~ feature_transform(feature)) -%}
    {%- endfor -%}
    {%- do return(texts | join(', ')) -%}
{%- endmacro %}
