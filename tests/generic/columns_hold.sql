{% test columns_hold(model, not_null=[], unique=[]) %}
    {#-
        Fails with each column that is null or repeats although it must not. One query instead of one for each column,
        because a statement takes longer than the columns of a small table, and a large table is read once.
    -#}
    {%- set counts = {} -%}
    {%- for column in not_null -%}
        {%- do counts.update({column ~ ' is null': 'count(*) - count(' ~ column ~ ')'}) -%}
    {%- endfor -%}
    {%- for column in unique -%}
        {%- do counts.update({column ~ ' repeats': 'count(' ~ column ~ ') - count(distinct ' ~ column ~ ')'}) -%}
    {%- endfor -%}
    {{ broken_counts(model, counts) }}
{% endtest %}
