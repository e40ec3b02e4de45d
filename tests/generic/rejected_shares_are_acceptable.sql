{% test rejected_shares_are_acceptable(model, input) %}
    {#-
        Warns or stops the run if a single rule rejects too large a share of an input. It raises its own message,
        because dbt reports only that a test failed. The message contains row numbers but no ids, because logs are
        widely read.
    -#}
    {%- if execute and flags.WHICH in ('build', 'test') -%}
        {%- set warn_above = setting('rejected_share_warn') -%}
        {%- set stop_above = setting('rejected_share_error') -%}
        {%- set rules = run_query(
            'select rule, count(*) as row_count, (select count(*) from ' ~ model ~ ') as rows_in, '
            ~ string_agg('case when position <= 3 then cast(input_row as string) end', ', ', 'input_row')
            ~ ' as examples'
            ~ " from (select input_row, split_part(failed_rules, ', ', 1) as rule, row_number() over (partition by"
            ~ " split_part(failed_rules, ', ', 1) order by input_row) as position from " ~ model
            ~ ' where failed_rules is not null) as rejected group by rule order by row_count desc, rule'
        ) -%}
        {%- for found in rules -%}
            {%- set rule = catalogued_rule(found['rule']) -%}
            {%- set share = found['row_count'] / found['rows_in'] -%}
            {%- if rule.kind == 'rejected' and share > warn_above -%}
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
