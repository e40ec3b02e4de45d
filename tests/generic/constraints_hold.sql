{% test constraints_hold(model, model_name) %}
    {#-
        Fails with each constraint of the model's contract that some rows violate. DuckDB enforces constraints when it
        writes a table, so this test runs only on engines that do not.
    -#}
    {%- set contract = graph.nodes[model_id_of(model_name)] if execute else {'columns': {}} -%}
    {%- set counts = {} -%}
    {%- for column in contract.columns.values() -%}
        {%- for constraint in column.constraints -%}
            {%- if constraint.type in ('not_null', 'primary_key') -%}
                {%- do counts.update({column.name ~ ' is null': 'count(*) - count(' ~ column.name ~ ')'}) -%}
            {%- endif -%}
            {%- if constraint.type in ('unique', 'primary_key') -%}
                {%- do counts.update({
                    column.name ~ ' repeats': 'count(' ~ column.name ~ ') - count(distinct ' ~ column.name ~ ')'
                }) -%}
            {%- elif constraint.type == 'check' -%}
                {%- do counts.update({'not ' ~ constraint.expression: rows_that_break(constraint.expression)}) -%}
            {%- endif -%}
        {%- endfor -%}
    {%- endfor -%}
    {%- for constraint in contract.constraints if constraint.type == 'primary_key' -%}
        {%- do counts.update({constraint.columns | join(', ') ~ ' repeats': repeated_rows(constraint.columns)}) -%}
    {%- endfor -%}

    {{ broken_counts(model, counts) }}
{% endtest %}
