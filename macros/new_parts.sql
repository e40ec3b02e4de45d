{#
    The parts of an input are read once: the files of a pattern, and of a table the rows that were loaded on one day.
    Their typed lines stay in stg_shop__transactions, each with its part (input_file) and with the version of the part
    and of the SQL that typed it. A build reads the parts without lines of the current version.
#}

{% macro is_read_by_file() %}
    {#- Whether the transactions come from files of which a build reads only the new and the changed ones. -#}
    {%- set location = setting('transactions_location') or '' -%}
    {%- do return(
        target.type == 'duckdb' and is_pattern(location) and (is_csv(location) or is_parquet(location))
        and not (is_csv(location) and setting('csv_encoding') == 'windows-1252')
    ) -%}
{% endmacro %}


{% macro is_read_by_load() %}
    {#- Whether the transactions come from a table of which a build reads only the days of loading that are new or
        have changed. -#}
    {%- set location = setting('transactions_location') -%}
    {%- do return(
        target.type == 'duckdb' and location is not none and not is_csv(location) and not is_parquet(location)
        and input_mapping('transactions').get('loaded_at') is not none
    ) -%}
{% endmacro %}


{% macro is_read_in_parts() %}
    {%- do return(is_read_by_file() or is_read_by_load()) -%}
{% endmacro %}


{% macro loaded_on() -%}
    {#- The day of loading of a row of the transactions, as text; empty if the row does not say. -#}
    {%- set loaded_at = quote_ident(input_mapping('transactions')['loaded_at']) -%}
    coalesce(cast(cast(try_cast({{ loaded_at }} as timestamp) as date) as string), '')
{%- endmacro %}


{% macro transactions_as_text(relation) -%}
    {#- The transactions of a relation with our column names, every column as text. -#}
    select
        {{ row_number_before_storing() }} as input_row,
        {{ 'row_as_it_came.filename' if is_read_by_file() else loaded_on() if is_read_by_load()
            else 'cast(null as string)' }} as input_file,
        {%- for column in input_columns('transactions') + transaction_attribute_names() %}
        {{ input_column('transactions', column) }} as {{ column }},
        {%- endfor %}
        {{ is_excluded_line() }} as is_excluded,
        {{ row_hash('row_as_it_came') }} as row_hash,
        {{ row_as_struct('row_as_it_came') }} as raw_row
    from {{ relation }} as row_as_it_came  -- noqa: AL05
{%- endmacro %}


{% macro transaction_parts() %}
    {#- {part: version} of the parts of the transactions, in the order of their names. -#}
    {%- set parts = {} -%}
    {%- for row in (versions_of_files() if is_read_by_file() else versions_of_loads()).rows -%}
        {%- do parts.update({row['part']: row['version'][:12]}) -%}
    {%- endfor -%}
    {%- do return(parts) -%}
{% endmacro %}


{% macro versions_of_files() %}
    {#- The files that match the pattern. Size and time of change make the version; the content is not read. DuckDB
        knows the time to the second, so a file that has just changed is read again by the next build. -#}
    {%- set version = "md5(concat_ws(' ', filename, size, epoch_us(last_modified),"
        ~ " case when now() - last_modified < interval 2 seconds then epoch_us(now()) end))" -%}
    {%- do return(run_query(
        'select filename as part, ' ~ version ~ ' as version from read_blob('
        ~ quote_literal(setting('transactions_location')) ~ ') order by filename'
    )) -%}
{% endmacro %}


{% macro versions_of_loads() %}
    {#- The days of loading. A hash of all their rows makes the version, so that a row that was changed in its place is
        noticed: to hash a row takes a fraction of the time that typing it takes. -#}
    {%- set table = input_relation('transactions') -%}
    {%- set place = quote_literal(table ~ ' ' ~ setting('attach_databases')) -%}
    {#- A sum, unlike bit_xor, also tells pairs of equal rows from other such pairs. -#}
    {%- do return(run_query(
        'select ' ~ loaded_on() ~ ' as part, md5(concat_ws(' ~ "' ', " ~ place ~ ', count(*), sum('
        ~ row_hash('row_as_it_came') ~ '))) as version from ' ~ table ~ ' as row_as_it_came group by all order by part'
    )) -%}
{% endmacro %}


{% macro version_of_typing() %}
    {#- A hash of what the typed lines depend on besides the files: the SQL and the settings of staging, the engine and
        its time zone. -#}
    {%- set parts = [
        transactions_as_text('input'), run_query("select version() || current_setting('TimeZone')").rows[0][0],
    ] -%}
    {%- for name in ('base_shop__transactions', 'stg_shop__transactions') -%}
        {%- do parts.append(graph.nodes[model_id_of(name)].raw_code) -%}
    {%- endfor -%}
    {%- for type in ('decimal(18, 2)', 'decimal(18, 3)', 'decimal(18, 6)', 'decimal(38, 12)') -%}
        {%- do parts.append(parse_decimal('text', type)) -%}
    {%- endfor -%}
    {%- do parts.extend([
        clean_text('text'), clean_id('text'), parse_date('text'), is_return_value('text'),
        setting('return_id_prefix'), setting('unique_key'), setting('csv_delimiter'), setting('csv_encoding'),
    ]) -%}
    {%- do return(local_md5(parts | map('string') | join(' '))[:12]) -%}
{% endmacro %}


{% macro version_of_columns(parts) %}
    {#- A hash of the columns that these parts have together, with their order and types. The hash of a line includes
        those that its file lacks. -#}
    {%- set described = run_query('describe select * from ' ~ relation_of_parts(parts)).columns -%}
    {%- do return(local_md5((described[0].values() + described[1].values()) | join(' '))[:12]) -%}
{% endmacro %}


{% macro relation_of_parts(parts) %}
    {#- The relation to select the rows of some parts from. -#}
    {%- if is_read_by_load() -%}
        {%- do return(
            '(select * from ' ~ input_relation('transactions') ~ ' where ' ~ loaded_on() ~ ' in ('
            ~ (literal_list(parts) or 'null') ~ '))'
        ) -%}
    {%- endif -%}
    {%- do return(default__file_relation(
        'transactions', setting('transactions_location'), '[' ~ literal_files(parts) ~ ']'
    )) -%}
{% endmacro %}


{% macro relation_to_check(input, plan) %}
    {#- The relation of which the columns and the rows are checked before a run; none if nothing is new. Of files that
        are read once, only the new ones: DuckDB opens each file of a pattern to learn its columns. -#}
    {%- if plan and plan.are_new -%}
        {%- do return(relation_of_parts(plan.parts) if plan.parts else none) -%}
    {%- endif -%}
    {%- do return(input_relation(input)) -%}
{% endmacro %}


{% macro reading_of(typed) %}
    {#- The version of the typing and of the columns of stored lines, as one of them has it; empty if none has. -#}
    {%- if not typed.is_table
        or 'input_version' not in adapter.get_columns_in_relation(typed) | map(attribute='name') -%}
        {%- do return('') -%}
    {%- endif -%}
    {%- set found = run_query('select input_version from ' ~ typed ~ ' limit 1').rows -%}
    {%- do return((found[0]['input_version'] or '').rpartition(' ')[0] if found else '') -%}
{% endmacro %}


{% macro parts_to_read() %}
    {#- What a build reads: {reading: version of the typing and the columns, parts: {part: version}, are_new: whether
        the lines of the other parts stay, outdated: the versions of lines to forget} -#}
    {%- set parts, typing = transaction_parts(), version_of_typing() -%}
    {%- set typed = stored_relation('stg_shop__transactions') -%}
    {%- set known, current, outdated, new = [], [], [], {} -%}
    {%- set reading = reading_of(typed) if typed and not flags.FULL_REFRESH and not flags.EMPTY else '' -%}
    {%- if reading -%}
        {%- set known = run_query(
            "select input_file, input_version, coalesce(bool_or(contains(failed_rules, 'date_in_future')), false)"
            ~ ' as was_in_future from ' ~ typed ~ ' group by all'
        ).rows -%}
    {%- endif -%}
    {%- for row in known -%}
        {#- A line that was in the future when it was read may not be by now. -#}
        {%- if row['input_version'] == reading ~ ' ' ~ parts.get(row['input_file'], '')
            and not row['was_in_future'] -%}
            {%- do current.append(row['input_file']) -%}
        {%- else -%}
            {%- do outdated.append(row['input_version']) -%}
        {%- endif -%}
    {%- endfor -%}
    {%- for part, version in parts.items() if part not in current -%}
        {%- do new.update({part: version}) -%}
    {%- endfor -%}
    {%- if current and reading.startswith(typing ~ ' ')
        and (not new or reading == typing ~ ' ' ~ version_of_columns(new)) -%}
        {%- do return({'reading': reading, 'parts': new, 'are_new': true, 'outdated': outdated}) -%}
    {%- endif -%}
    {%- do return({
        'reading': typing ~ ' ' ~ version_of_columns(parts), 'parts': parts, 'are_new': false, 'outdated': [],
    }) -%}
{% endmacro %}


{% macro plan_lines() %}
    {#- parts_to_read, when the model of the typed lines is rendered. It is kept for the model's hook: planned again, a
        file that has changed meanwhile would lose lines that the model does not read. -#}
    {%- do graph.update({'plan_of_lines': parts_to_read()}) -%}
    {%- do return(graph.plan_of_lines) -%}
{% endmacro %}


{% macro drop_lines_typed_otherwise() %}
    {#- Before a run that types the lines: drops those of other settings or another version of staging, whose columns
        may differ. -#}
    {%- if not execute or flags.WHICH not in ('build', 'run') or flags.EMPTY or not is_read_in_parts()
        or model_id_of('stg_shop__transactions') not in selected_resources
        or graph.nodes[model_id_of('stg_shop__transactions')].config.materialized != 'incremental' -%}
        {%- do return('') -%}
    {%- endif -%}
    {%- set typed = stored_relation('stg_shop__transactions') -%}
    {%- if typed and typed.is_table and not reading_of(typed).startswith(version_of_typing() ~ ' ') -%}
        {%- do adapter.drop_relation(typed) -%}
        {#- dbt would undo it after the hook: reading the columns of the table began a transaction. -#}
        {%- do adapter.commit() -%}
    {%- endif -%}
{% endmacro %}


{% macro delete_outdated_lines() %}
    {#- In the transaction that adds the lines of new parts: deletes those of parts that have changed or are gone, or
        all of them. -#}
    {%- set typed = stored_relation('stg_shop__transactions') if not flags.EMPTY -%}
    {%- set plan = graph.get('plan_of_lines') if execute -%}
    {%- if not plan or not typed or not typed.is_table or flags.FULL_REFRESH -%}{%- do return('') -%}{%- endif -%}
    {%- if not plan.are_new -%}
    delete from {{ typed }}
    {%- elif plan.outdated -%}
    delete from {{ typed }} where input_version in ({{ literal_list(plan.outdated) }})
    {%- endif -%}
{% endmacro %}


{% macro input_parts_rows(plan) -%}
    {#- The parts that a build reads, as rows of part and version. -#}
    {%- set rows = [] -%}
    {%- for part, version in (plan.parts if plan else {}).items() -%}
        {%- do rows.append({'input_file': part, 'input_version': plan.reading ~ ' ' ~ version}) -%}
    {%- endfor -%}
    {%- if rows -%}
    {{ literal_rows(rows) }}
    {%- else %}
    select cast(null as string) as input_file, cast(null as string) as input_version where false
    {%- endif -%}
{%- endmacro %}


{% macro parts_with_unknown_rows(rejected) %}
    {#- The parts that have rejected lines which the table of an earlier build does not hold; none for all parts. -#}
    {%- if not execute or not rejected or not is_read_in_parts() or flags.WHICH not in ('build', 'run')
        or flags.EMPTY -%}{%- do return(none) -%}{%- endif -%}
    {%- set checked = ref('int_transactions_checked') -%}
    {%- set parts = run_query(
        'select distinct input_file from ' ~ checked
        ~ ' where failed_rules is not null and row_hash not in (select row_hash from ' ~ rejected ~ ')'
    ).columns[0].values() | list -%}
    {#- A line has its hash only beside the columns of all parts. -#}
    {%- set reading = run_query(
        'select min(input_version) from ' ~ ref('stg_shop__transactions')
    ).columns[0].values()[0] or '' -%}
    {%- do return(parts if not parts or version_of_columns(parts) == reading.split(' ')[1] else none) -%}
{% endmacro %}


{% macro customers_hashed() -%}
    {#- A query with a hash of each customer's valid lines, and of the SQL that reads and counts them. A sum, unlike
        bit_xor, also tells pairs of equal lines from other such pairs. -#}
    {%- set version = version_of_typing() ~ ' ' ~ local_md5(model.raw_code)
        if execute and model.resource_type == 'model' else '' -%}
    select
        customer_id,
        hash({{ quote_literal(version) }}, sum(row_hash)) as lines_hash
    from {{ ref('int_transactions_checked') }}
    where failed_rules is null
    group by customer_id
{%- endmacro %}


{% macro delete_outdated_months() %}
    {#- In the transaction that counts the months of customers whose lines have changed: deletes the old ones. -#}
    {%- set counted = earlier_version('lines_hash') -%}
    {%- if not counted or flags.FULL_REFRESH -%}{%- do return('') -%}{%- endif -%}
    delete from {{ counted }} as counted
    where not exists (
        select 1
        from ({{ customers_hashed() }}) as today
        where today.customer_id = counted.customer_id and today.lines_hash = counted.lines_hash
    )
{% endmacro %}
