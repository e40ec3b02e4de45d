{% macro row_hash(relation) -%}
    {#- A hash of all columns of a relation in the query. Equal rows have equal hashes. -#}
    {{ adapter.dispatch('row_hash')(relation) }}
{%- endmacro %}


{% macro default__row_hash(relation) -%}
    hash({{ relation }})
{%- endmacro %}


{% macro spark__row_hash(relation) -%}
    xxhash64(to_json(struct({{ relation }}.*)))
{%- endmacro %}
