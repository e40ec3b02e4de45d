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
        {%- set types = graph.nodes['seed.customer_segmentation.' ~ name].config.column_types -%}
        {%- for column, type in types.items() if column != 'comment' -%}
            {%- do typed.append('cast(' ~ column ~ ' as ' ~ type ~ ') as ' ~ column) -%}
        {%- endfor -%}
    {%- endif -%}
    {%- do return('(select ' ~ (typed or ['*']) | join(', ') ~ ' from ' ~ relation ~ ') as ' ~ name ~ '_typed') -%}
{% endmacro %}


{% macro playbook_file(name) %}
    {#- A table of the playbook as its CSV file, to select from; none if it is not a seed. -#}
    {%- set replacement = setting('playbook_tables').get(name) -%}
    {%- set id = 'seed.' ~ (project_name ~ '.' ~ replacement if replacement else 'customer_segmentation.' ~ name) -%}
    {%- if id in graph.nodes -%}
        {%- set seed = graph.nodes[id] -%}
        {%- do return(
            '(from read_csv(' ~ quote_literal(seed.root_path ~ '/' ~ seed.original_file_path)
            ~ ", all_varchar = true, header = true, delim = ',', quote = '\"', escape = '\"'))"
        ) -%}
    {%- endif -%}
    {%- do return(none) -%}
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


{% macro check_playbook() %}
    {#- Stops a run before any work if the rules leave a segment without a name or an archetype without an action. The
        seeds are not in the warehouse yet, so their files are read. -#}
    {%- if not execute or target.type != 'duckdb' or flags.WHICH not in ('build', 'run') -%}
        {%- do return('') -%}
    {%- endif -%}
    {%- for seed in graph.nodes.values() if seed.resource_type == 'seed' and "'" in seed.root_path -%}
        {%- do exceptions.raise_compiler_error(
            'The path of the project, ' ~ seed.root_path ~ ', has an apostrophe, and dbt-duckdb cannot load seeds from'
            ~ ' there. Move the project to another folder.'
        ) -%}
    {%- endfor -%}
    {%- set rules, playbook = playbook_file('segment_rules'), playbook_file('segment_playbook') -%}
    {%- set conditions = playbook_file('segment_conditions') -%}
    {%- set descriptions = playbook_file('segment_descriptions') -%}
    {#- Models are checked by the tests, after they are built. -#}
    {%- if none in (rules, playbook, conditions, descriptions) -%}{%- do return('') -%}{%- endif -%}
    {%- set last = run_query(
        'select count(*) filter (where measure is null), max(cast(rule_order as integer)),'
        ~ ' max(cast(rule_order as integer)) filter (where measure is null) from ' ~ rules
    ).rows[0] -%}
    {%- if last[1] is not none and (last[0] != 1 or last[1] != last[2]) -%}
        {%- do exceptions.raise_compiler_error(
            'The number of rules without a condition is ' ~ last[0] ~ ', and the last rule_order is ' ~ last[1]
            ~ '; exactly one rule must have no condition, and it must be the last. Change it in '
            ~ playbook_place('segment_rules') ~ '.'
        ) -%}
    {%- endif -%}
    {%- for kind, rows, table in (
        ('rule', rules, 'segment_rules'), ('condition', conditions, 'segment_conditions')
    ) -%}
        {%- set asked = run_query(
            'select distinct measure from ' ~ rows ~ ' where measure is not null order by measure'
        ) -%}
        {%- for row in asked if row['measure'] not in known_measures() -%}
            {%- do exceptions.raise_compiler_error(
                'A ' ~ kind ~ " is on '" ~ row['measure'] ~ "', which is not a measure; the measures are "
                ~ known_measures() | join(', ') ~ '. Change it in ' ~ playbook_place(table) ~ '.'
            ) -%}
        {%- endfor -%}
    {%- endfor -%}
    {%- for rows, table in ((playbook, 'segment_playbook'), (descriptions, 'segment_descriptions')) -%}
        {%- set unknown = run_query(
            'select only_if from ' ~ rows ~ ' where only_if not in (select condition from ' ~ conditions
            ~ ') order by only_if limit 1'
        ) -%}
        {%- if unknown | length -%}
            {%- do exceptions.raise_compiler_error(
                "only_if is '" ~ unknown.rows[0][0] ~ "', which is not a condition. Define it in "
                ~ playbook_place('segment_conditions') ~ ', or change it in ' ~ playbook_place(table) ~ '.'
            ) -%}
        {%- endif -%}
    {%- endfor -%}
    {%- set without = run_query(
        'select archetype from ' ~ rules ~ ' where archetype not in (select archetype from ' ~ playbook
        ~ ' where archetype is not null and only_if is null group by archetype'
        ~ " having count(*) filter (where audience = 'everyone') > 0"
        ~ " or count(distinct audience) filter (where audience in ('active', 'quiet')) = 2)"
        ~ ' order by archetype limit 1'
    ) -%}
    {%- if without | length -%}
        {%- do exceptions.raise_compiler_error(
            "The archetype '" ~ without.rows[0][0] ~ "' in the rules can be left without an action; it needs one for"
            ~ ' everyone, or one for active and one for quiet customers, without only_if. Add it to '
            ~ playbook_place('segment_playbook') ~ '.'
        ) -%}
    {%- endif -%}
    {%- set without = run_query(
        'select archetype from ' ~ rules ~ ' where archetype not in (select archetype from ' ~ descriptions
        ~ ' where archetype is not null and only_if is null) order by archetype limit 1'
    ) -%}
    {%- if without | length -%}
        {%- do exceptions.raise_compiler_error(
            "The archetype '" ~ without.rows[0][0] ~ "' in the rules can be left without a description; it needs a"
            ~ ' sentence without only_if. Add it to ' ~ playbook_place('segment_descriptions') ~ '.'
        ) -%}
    {%- endif -%}
{% endmacro %}
