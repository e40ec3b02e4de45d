{% macro bounds_hold(value, bounds) -%}
    {#- 1 if a value is within at_least and below of a rule or condition, otherwise 0; a bound that is null is none. -#}
    case
        when {{ value }} >= coalesce({{ bounds }}.at_least, {{ value }})
            and ({{ bounds }}.below is null or {{ value }} < {{ bounds }}.below)
            then 1
        else 0
    end
{%- endmacro %}


{% macro playbook_table(name) %}
    {#- A table of the playbook, or what replaces it (playbook_tables), with the types of ours: dbt takes an empty
        column of a seed for numbers. -#}
    {%- set replacement = setting('playbook_tables').get(name) -%}
    {%- if not replacement -%}{%- do return(ref(name)) -%}{%- endif -%}
    {%- set relation, typed = ref(project_name, replacement), [] -%}
    {%- if execute -%}
        {%- for column, type in playbook_column_types(name).items() -%}
            {%- do typed.append('cast(' ~ column ~ ' as ' ~ type ~ ') as ' ~ column) -%}
        {%- endfor -%}
    {%- endif -%}
    {%- do return('(select ' ~ (typed or ['*']) | join(', ') ~ ' from ' ~ relation ~ ') as ' ~ name ~ '_typed') -%}
{% endmacro %}


{% macro playbook_seed(name) %}
    {#- The seed that is a table of the playbook; none if a model replaces it. -#}
    {%- set replacement = setting('playbook_tables').get(name) -%}
    {%- do return(graph.nodes.get(
        'seed.' ~ (project_name ~ '.' ~ replacement if replacement else 'customer_segmentation.' ~ name)
    )) -%}
{% endmacro %}


{% macro playbook_column_types(name) %}
    {#- {column: type} of a table of the playbook, without the column that nothing reads. -#}
    {%- set types = {} -%}
    {%- for column, type in graph.nodes['seed.customer_segmentation.' ~ name].config.column_types.items() -%}
        {%- if column != 'comment' -%}{%- do types.update({column: type}) -%}{%- endif -%}
    {%- endfor -%}
    {%- do return(types) -%}
{% endmacro %}


{% macro playbook_file(name) %}
    {#- A table of the playbook as its CSV file, to select from; none if it is not a seed. -#}
    {%- set seed, typed = playbook_seed(name), [] -%}
    {%- if not seed -%}{%- do return(none) -%}{%- endif -%}
    {%- for column, type in playbook_column_types(name).items() -%}
        {%- do typed.append('cast(' ~ column ~ ' as ' ~ type ~ ') as ' ~ column) -%}
    {%- endfor -%}
    {%- do return(
        '(select ' ~ typed | join(', ') ~ ' from read_csv('
        ~ quote_literal(seed.root_path ~ '/' ~ seed.original_file_path)
        ~ ', all_varchar = true, header = true, delim = ' ~ quote_literal(seed.config.delimiter or ',')
        ~ ", quote = '\"', escape = '\"'))"
    ) -%}
{% endmacro %}


{% macro first_fields(path, first_line, delimiter) %}
    {#- The texts in the first line of a CSV file, as DuckDB divides it, which it does whatever is in the other lines. A
        delimiter in quotes is not one, so there can be fewer fields than columns asked for: those are null. -#}
    {%- set columns, fields, marked = [], [], [] -%}
    {%- for _ in first_line.split(delimiter) -%}
        {%- do columns.append("'column" ~ loop.index ~ "': 'string'") -%}
        {#- dbt takes an empty text for null. -#}
        {%- do marked.append("'=' || column" ~ loop.index) -%}
    {%- endfor -%}
    {%- set rows = run_query(
        'select ' ~ marked | join(', ') ~ ' from read_csv(' ~ path ~ ', auto_detect = false, header = false,'
        ~ ' columns = {' ~ columns | join(', ') ~ '}, delim = ' ~ quote_literal(delimiter)
        ~ ", quote = '\"', escape = '\"', null_padding = true, nullstr = '\x01',"
        ~ " strict_mode = false, parallel = false) limit 1"
    ).rows -%}
    {%- for row in rows -%}
        {%- for field in row.values() if field is not none -%}{%- do fields.append(field[1:] | trim) -%}{%- endfor -%}
    {%- endfor -%}
    {%- do return(fields) -%}
{% endmacro %}


{% macro problems_of_playbook_file(name) %}
    {#- What keeps the CSV file of a seed from being read, as sentences; DuckDB's own errors advise on its options. -#}
    {%- set seed, types = playbook_seed(name), playbook_column_types(name) -%}
    {%- set file, path = playbook_place(name), quote_literal(seed.root_path ~ '/' ~ seed.original_file_path) -%}
    {%- set text = run_query('select content from read_text(' ~ path ~ ')').columns[0].values()[0] -%}
    {%- set first_line, delimiter = (text.splitlines() or [''])[0], seed.config.delimiter or ',' -%}
    {%- set columns, read_as = [], [] -%}
    {%- for field in first_fields(path, first_line, delimiter) -%}
        {#- Of columns without a name, as spreadsheets leave them at the end, or with one name, dbt makes up names. -#}
        {%- set column = field if field and field | lower not in columns else 'unnamed or repeated ' ~ loop.index -%}
        {%- do columns.append(column | lower) -%}
        {%- do read_as.append(
            quote_literal(column) ~ ': '
            ~ ("'double'" if types.get(column | lower) in ('integer', 'double') else "'string'")
        ) -%}
    {%- endfor -%}
    {%- for column in types if column not in columns -%}
        {%- do return([
            'The first line of ' ~ file ~ " is '" ~ first_line ~ "', which lacks the column " ~ column ~ '. It needs '
            ~ types | join(', ') ~ (
                ', separated by commas; Excel writes semicolons in many countries.' if delimiter == ','
                else ", separated by '" ~ delimiter ~ "', the delimiter of the seed."
            )
        ]) -%}
    {%- endfor -%}
    {%- do run_query(
        'from read_csv(' ~ path ~ ', auto_detect = false, header = true, columns = {' ~ read_as | join(', ')
        ~ '}, delim = ' ~ quote_literal(delimiter) ~ ", quote = '\"', escape = '\"', store_rejects = true,"
        ~ " rejects_table = 'playbook_errors', rejects_scan = 'playbook_scans')"
    ) -%}
    {%- set problems = run_query(
        'select problem from (select distinct line, ' ~ sentence_with_values(
            'Line {line} of ' ~ file ~ " {case cast(error_type as string) when 'CAST' then concat('has a text in ',"
            ~ " column_name, ', which must be a number with a decimal point') when 'MISSING COLUMNS' then 'has fewer"
            ~ " fields than the first line' when 'TOO MANY COLUMNS' then 'has more fields than the first line; a text"
            ~ ' with a ' ~ ('comma' if delimiter == ',' else 'delimiter') ~ " needs double quotes around it'"
            ~ " else 'cannot be read' end}: {csv_line}"
        ) ~ ' as problem from playbook_errors) order by line'
    ).columns[0].values() | list -%}
    {%- do run_query('drop table playbook_errors') -%}
    {%- do run_query('drop table playbook_scans') -%}
    {%- do return(problems) -%}
{% endmacro %}


{% macro playbook_place(name) %}
    {#- Where to change a table of the playbook, for a message. -#}
    {%- set replacement = setting('playbook_tables').get(name) -%}
    {%- if replacement -%}{%- do return(replacement) -%}{%- endif -%}
    {%- do return(
        'a seed of yours that takes the place of ' ~ name ~ ' (playbook_tables)' if is_package()
        else 'seeds/playbook/' ~ name ~ '.csv'
    ) -%}
{% endmacro %}


{% macro fixed_archetypes() %}
    {#- The archetypes that no rule assigns: of customers who are clustered, and of those who are not. -#}
    {%- do return(['All Customers', 'Buyers'] + unclustered_segments().values() | list) -%}
{% endmacro %}


{% macro date_of_override(until) -%}
    {#- The date of a text; null if it is not written YYYY-MM-DD. 03/04/2027 is in March or in April. A timestamp of a
        table of one's own may be at midnight. -#}
    case
        when {{ regexp_full_match(until, '[0-9]{4}-[0-9]{2}-[0-9]{2}( 00:00:00.*)?') }}
            then try_cast(left({{ until }}, 10) as date)
    end
{%- endmacro %}


{% macro problem_of_override() -%}
    {#- What to say of an override (customer_id, until) whose until is not a date. -#}
    {{ sentence_with_values(
        "The override of customer '{customer_id}' is valid until '{until}', which is not a date written YYYY-MM-DD,"
        ~ ' such as 2027-12-31. Change it in ' ~ playbook_place('segment_overrides') ~ '.'
    ) }}
{%- endmacro %}


{% macro sentence_with_values(sentence) -%}
    {#- A sentence in which {column} stands for its value, as an SQL expression. -#}
    {%- set parts = [] -%}
    {%- for part in modules.re.split('[{}]', sentence) -%}
        {%- do parts.append(
            quote_literal(part) if loop.index is odd else 'coalesce(cast(' ~ part ~ " as string), '')"
        ) -%}
    {%- endfor -%}
    concat({{ parts | join(', ') }})
{%- endmacro %}


{% macro playbook_problems(tables) -%}
    {#-
        A query of what is wrong with the playbook, one row per mistake, each as a sentence with its remedy. `tables`
        has what to select from for each table. check_playbook asks it of the files before a run, and a data test asks
        it of what was built, which can be models.
    -#}
    {%- set unclustered = literal_list(unclustered_segments().values()) -%}
    {%- set measures = known_measures() -%}
    {%- set change, add = {}, {} -%}
    {%- for table in tables -%}
        {%- do change.update({table: ' Change it in ' ~ playbook_place(table) ~ '.'}) -%}
        {%- do add.update({table: ' Add it to ' ~ playbook_place(table) ~ '.'}) -%}
    {%- endfor -%}
    {#- (where it is looked for, the condition of the mistake, what is said of it) -#}
    {%- set problems = [
        (
            'catch_all',
            'last_order is not null and not (rows_found = 1 and found_order = last_order and last_rows = 1)',
            'The number of rules without a condition is {rows_found}, and the last rule_order is {last_order}; exactly'
            ~ ' one rule must have no condition, and it must be the last.' ~ change.segment_rules
        ),
        (
            'rules_summarised', 'first_archetype != last_archetype',
            "Rule {rule_order} has two archetypes, '{first_archetype}' and '{last_archetype}'; lines with the same"
            ~ ' rule_order are conditions of one rule.' ~ change.segment_rules
        ),
    ] -%}
    {%- for rows, table, line in (
        ('rules', 'segment_rules', 'Rule {rule_order} ({archetype})'),
        ('conditions', 'segment_conditions', "The condition '{condition}'"),
    ) -%}
        {%- do problems.extend([
            (
                rows, 'measure not in (' ~ literal_list(measures) ~ ')',
                line ~ " is on '{measure}', which is not a measure; the measures are " ~ measures | join(', ') ~ '.'
                ~ change[table]
            ),
            (
                rows, 'measure is not null and at_least is null and below is null',
                line ~ ' has no bound of {measure}; it needs at_least, below or both.' ~ change[table]
            ),
            (
                rows, 'at_least >= below',
                line ~ ' can never hold: {measure} cannot be at least {at_least} and below {below}.' ~ change[table]
            ),
            (
                rows,
                'measure in (' ~ literal_list(measures_from_0_to_1()) ~ ') and (at_least > 1 or below > 2)',
                line ~ ' has a bound of {measure} that is not from 0 to 1, but it is a share: 40 % is 0.4.'
                ~ change[table]
            ),
        ]) -%}
    {%- endfor -%}
    {%- for rows, table, line in (
        ('playbook', 'segment_playbook', "The action '{action_id}'"),
        ('descriptions', 'segment_descriptions', "The sentence '{sentence}'"),
    ) -%}
        {%- do problems.extend([
            (
                rows, 'only_if not in (select condition from conditions where condition is not null)',
                line ~ ": only_if is '{only_if}', which is not a condition. Define it in "
                ~ playbook_place('segment_conditions') ~ ', or change it in ' ~ playbook_place(table) ~ '.'
            ),
            (
                rows, 'archetype in (' ~ unclustered ~ ') and only_if is not null',
                line ~ " of {archetype}: only_if is '{only_if}', which never holds, because these customers are not"
                ~ ' clustered and have no measures. Leave it empty in ' ~ playbook_place(table) ~ '.'
            ),
        ]) -%}
        {#- Another project cannot take a line out of our tables when its rules are others. -#}
        {%- if setting('playbook_tables').get(table) or not is_package() -%}
            {%- do problems.append((
                rows, 'archetype not in (select archetype from archetypes)',
                line ~ " can never be used: no rule assigns '{archetype}', and it is not one of "
                ~ fixed_archetypes() | join(', ') ~ '. Correct the archetype or delete the line in '
                ~ playbook_place(table) ~ '.'
            )) -%}
        {%- endif -%}
    {%- endfor -%}
    {%- do problems.extend([
        (
            'archetypes',
            'archetype not in (' ~ unclustered ~ ') and archetype not in (select archetype from actions_counted'
            ~ ' where for_everyone > 0 or (for_active > 0 and for_quiet > 0))',
            "The archetype '{archetype}' can be left without an action; it needs one for everyone, or one for active"
            ~ ' and one for quiet customers, without only_if.' ~ add.segment_playbook
        ),
        (
            'archetypes',
            'archetype in (' ~ unclustered ~ ') and archetype not in (select archetype from actions_counted'
            ~ ' where for_everyone > 0)',
            "The archetype '{archetype}' can be left without an action; it needs one for everyone."
            ~ add.segment_playbook
        ),
        (
            'archetypes',
            'archetype not in (select archetype from descriptions where archetype is not null and only_if is null)',
            "The archetype '{archetype}' can be left without a description; it needs a sentence without only_if."
            ~ add.segment_descriptions
        ),
        (
            'playbook', "coalesce(audience, '') not in ('everyone', 'active', 'quiet')",
            "The action '{action_id}' has the audience '{audience}'; it must be everyone, active or quiet."
            ~ change.segment_playbook
        ),
        (
            'ids_counted', 'row_count > 1',
            "The action_id '{action_id}' is in {row_count} lines; each action needs one of its own."
            ~ change.segment_playbook
        ),
        (
            'playbook', 'not holdout_share between 0 and 0.9',
            "The action '{action_id}' has the holdout_share {holdout_share}; it must be a number from 0 to 0.9."
            ~ change.segment_playbook
        ),
    ]) -%}
    with rules as (
        select * from {{ tables.segment_rules }}
    ),

    conditions as (
        select * from {{ tables.segment_conditions }}
    ),

    descriptions as (
        select * from {{ tables.segment_descriptions }}
    ),

    playbook as (
        select * from {{ tables.segment_playbook }}
    ),

    rules_summarised as (
        select
            rule_order,
            min(archetype) as first_archetype,
            max(archetype) as last_archetype,
            count(*) as row_count,
            count(*) - count(measure) as rows_without_measure
        from rules
        group by rule_order
    ),

    -- A row without a measure has no effect in a rule with several conditions.
    catch_all as (
        select
            sum(rows_without_measure) as rows_found,
            max(case when rows_without_measure > 0 then rule_order end) as found_order,
            max(rule_order) as last_order,
            max_by(row_count, rule_order) as last_rows
        from rules_summarised
    ),

    archetypes as (
        {%- for archetype in fixed_archetypes() %}
        select {{ quote_literal(archetype) }} as archetype
        union
        {%- endfor %}
        select archetype
        from rules
        where archetype is not null
    ),

    actions_counted as (
        select
            archetype,
            count(case when audience = 'everyone' then 1 end) as for_everyone,
            count(case when audience = 'active' then 1 end) as for_active,
            count(case when audience = 'quiet' then 1 end) as for_quiet
        from playbook
        where archetype is not null and only_if is null
        group by archetype
    ),

    ids_counted as (
        select
            action_id,
            count(*) as row_count
        from playbook
        group by action_id
    )

    {%- for rows, condition, sentence in problems %}
    {{ 'union all' if not loop.first }}
    select {{ sentence_with_values(sentence) }} as problem
    from {{ rows }}
    where {{ condition }}
    {%- endfor %}
{%- endmacro %}


{% macro check_playbook() %}
    {#- Stops a run before any work if the playbook has mistakes. The seeds are not in the warehouse yet, so their files
        are read. -#}
    {%- if not execute or target.type != 'duckdb' or flags.WHICH not in ('build', 'run') -%}
        {%- do return('') -%}
    {%- endif -%}
    {%- for seed in graph.nodes.values() if seed.resource_type == 'seed' and "'" in seed.root_path -%}
        {%- do exceptions.raise_compiler_error(
            'The path of the project, ' ~ seed.root_path ~ ', has an apostrophe, and dbt-duckdb cannot load seeds from'
            ~ ' there. Move the project to another folder.'
        ) -%}
    {%- endfor -%}
    {%- set tables = ['segment_rules', 'segment_conditions', 'segment_descriptions', 'segment_playbook'] -%}
    {%- set problems, queries, files = [], [], {} -%}
    {%- for name in tables + ['segment_overrides'] if playbook_seed(name) -%}
        {%- do files.update({name: playbook_file(name)}) -%}
        {%- do problems.extend(problems_of_playbook_file(name)) -%}
    {%- endfor -%}
    {%- if problems -%}{%- do exceptions.raise_compiler_error(problems | join('\n')) -%}{%- endif -%}
    {#- Models are checked by the tests, after they are built. -#}
    {%- if tables | reject('in', files) | list == [] -%}{%- do queries.append(playbook_problems(files)) -%}{%- endif -%}
    {%- if 'segment_overrides' in files -%}
        {%- do queries.append(
            'select ' ~ problem_of_override() ~ ' as problem from ' ~ files.segment_overrides
            ~ ' where until is not null and ' ~ date_of_override('until') ~ ' is null'
        ) -%}
    {%- endif -%}
    {%- for query in queries -%}{%- do problems.extend(run_query(query).columns[0].values()) -%}{%- endfor -%}
    {%- if problems -%}{%- do exceptions.raise_compiler_error(problems | join('\n')) -%}{%- endif -%}
{% endmacro %}
