{% test columns_hold(model, not_null=[], unique=[], accepted={}, holds=[]) %}
    {#-
        Fails with each rule about the columns that some rows break. One query instead of one for each rule, because a
        statement takes longer than the columns of a small table, and a large table is read once. not_null: columns.
        unique: columns, or lists of columns that are unique together. accepted: {column: the values that it can have
        besides null}. holds: conditions.
    -#}
    {%- set counts = {} -%}
    {%- for column in not_null -%}
        {%- do counts.update({column ~ ' is null': 'count(*) - count(' ~ column ~ ')'}) -%}
    {%- endfor -%}
    {%- for column in unique -%}
        {%- if column is string -%}
            {%- do counts.update({column ~ ' repeats': 'count(' ~ column ~ ') - count(distinct ' ~ column ~ ')'}) -%}
        {%- else -%}
            {%- do counts.update({column | join(', ') ~ ' repeats': repeated_rows(column)}) -%}
        {%- endif -%}
    {%- endfor -%}
    {%- set conditions = holds | list -%}
    {%- for column, values in accepted.items() -%}
        {%- do conditions.append(column ~ ' in (' ~ literal_list(values) ~ ')') -%}
    {%- endfor -%}
    {%- for condition in conditions -%}
        {%- do counts.update({'not ' ~ condition: rows_that_break(condition)}) -%}
    {%- endfor -%}
    {{ broken_counts(model, counts) }}
{% endtest %}
