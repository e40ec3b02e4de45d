{% test one_currency(model) %}
    {#- Stops the run if the valid lines have amounts in more than one currency, because their sum would be
        meaningless. -#}
    {%- if execute and flags.WHICH in ('build', 'test') -%}
        {%- set found = run_query(
            'select currency, count(*) as row_count from ' ~ model
            ~ ' where failed_rules is null and currency is not null group by currency order by row_count desc, currency'
        ) -%}
        {%- if found | length > 1 -%}
            {%- set parts = [] -%}
            {%- for row in found.rows[:5] -%}
                {%- do parts.append(row['currency'] ~ ' (' ~ row['row_count'] ~ ' rows)') -%}
            {%- endfor -%}
            {%- do exceptions.raise_compiler_error(
                'The transactions are in ' ~ found | length ~ ' currencies: ' ~ parts | join(', ')
                ~ '. A run supports only one. Remedy: convert the amounts at their source, or exclude the other'
                ~ ' currencies with the setting excluded_lines.'
            ) -%}
        {%- endif -%}
    {%- endif -%}
    select 1 as nothing where false
{% endtest %}
