{% macro row_hash(relation) -%}
    {#- A hash of all columns of a relation in the query, with their names. Equal rows have equal hashes. -#}
    {{ adapter.dispatch('row_hash')(relation) }}
{%- endmacro %}


{% macro default__row_hash(relation) -%}
    {#- The type of a row has the names and the types of its columns: a corrected heading makes other rows. -#}
    hash({{ relation }}, typeof({{ relation }}))
{%- endmacro %}


{% macro spark__row_hash(relation) -%}
    xxhash64({{ to_json('struct(' ~ relation ~ '.*)') }})
{%- endmacro %}
