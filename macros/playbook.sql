{% macro check_playbook() %}
    {#- Stops a run before any work if the rules leave a segment without a name or an archetype without an action. The
        seeds are not in the warehouse yet, so their files are read. -#}
    {%- if not execute or target.type != 'duckdb' or flags.WHICH not in ('build', 'run') -%}
        {%- do return('') -%}
    {%- endif -%}
    {%- set folder = project_folder() ~ '/seeds/playbook/' -%}
    {%- set options = ", all_varchar = true, header = true, delim = ',', quote = '\"', escape = '\"')" -%}
    {%- set rules = '(from read_csv(' ~ quote_literal(folder ~ 'segment_rules.csv') ~ options ~ ')' -%}
    {%- set playbook = '(from read_csv(' ~ quote_literal(folder ~ 'segment_playbook.csv') ~ options ~ ')' -%}
    {%- set last = run_query(
        'select count(*) filter (where feature is null), max(cast(rule_order as integer)),'
        ~ ' max(cast(rule_order as integer)) filter (where feature is null) from ' ~ rules
    ).rows[0] -%}
    {%- if last[1] is not none and (last[0] != 1 or last[1] != last[2]) -%}
        {%- do exceptions.raise_compiler_error(
            'The number of rules without a condition is ' ~ last[0] ~ ', and the last rule_order is ' ~ last[1]
            ~ '; exactly one rule must have no condition, and it must be the last. Change it in'
            ~ ' seeds/playbook/segment_rules.csv.'
        ) -%}
    {%- endif -%}
    {%- set unknown = run_query('select feature from ' ~ rules ~ ' where feature is not null order by rule_order') -%}
    {%- for row in unknown if row['feature'] not in clusterable_features() -%}
        {%- do exceptions.raise_compiler_error(
            "A rule has a condition on '" ~ row['feature'] ~ "', which is not a feature; the features are "
            ~ clusterable_features() | join(', ') ~ '. Change it in seeds/playbook/segment_rules.csv.'
        ) -%}
    {%- endfor -%}
    {%- set without = run_query(
        'select archetype from ' ~ rules ~ ' where archetype not in (select archetype from ' ~ playbook
        ~ ' where archetype is not null and action is not null) order by archetype limit 1'
    ) -%}
    {%- if without | length -%}
        {%- do exceptions.raise_compiler_error(
            "The archetype '" ~ without.rows[0][0] ~ "' in the rules has no action; each archetype needs at least one."
            ~ ' Add it to seeds/playbook/segment_playbook.csv.'
        ) -%}
    {%- endif -%}
{% endmacro %}
