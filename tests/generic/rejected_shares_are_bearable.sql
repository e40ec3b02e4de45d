{% test rejected_shares_are_bearable(model, input) %}
    {#-
        Warns or stops when a single rule rejects too large a share of an input. It raises its own sentence, because a
        failed test says only that it failed. Row numbers stand in it, but no ids: logs are read by many.
    -#}
    {%- if execute and flags.WHICH in ('build', 'test') -%}
        {%- set warn_above = setting('rejected_share_warn') -%}
        {%- set stop_above = setting('rejected_share_error') -%}
        {%- set rules = run_query(
            "select split_part(failed_rules, ', ', 1) as rule, count(*) as row_count, (select count(*) from " ~ model
            ~ ") as rows_in, array_to_string(list_slice(list(input_row order by input_row), 1, 3), ', ') as examples"
            ~ ' from ' ~ model ~ ' where failed_rules is not null group by all order by row_count desc, rule'
        ) -%}
        {%- for found in rules -%}
            {%- set rule = rule_remedies()[found['rule']] -%}
            {%- set share = found['row_count'] / found['rows_in'] -%}
            {%- if not rule.get('on_purpose') and share > warn_above -%}
                {%- set sentence = (
                    "Rule '" ~ found['rule'] ~ "' rejects " ~ found['row_count'] ~ ' of ' ~ found['rows_in']
                    ~ ' rows of the ' ~ input ~ ' (' ~ '%.2f' | format(share * 100) ~ ' %), for example row'
                    ~ ('s ' if found['row_count'] > 1 else ' ') ~ found['examples'] ~ '; see rejects.int_rejected_'
                    ~ input ~ '. Remedy: ' ~ rule.remedy
                ) -%}
                {%- if share > stop_above -%}
                    {%- do exceptions.raise_compiler_error(
                        sentence ~ ', or raise the setting rejected_share_error, which is ' ~ stop_above ~ '.'
                    ) -%}
                {%- endif -%}
                {%- do exceptions.warn(sentence ~ '.') -%}
            {%- endif -%}
        {%- endfor -%}
    {%- endif -%}
    select 1 as nothing where false
{% endtest %}
