{# The columns of customer_360 that depend on the settings: one per attribute. #}

{% macro attribute_column(attribute) %}
    {#- The column of an attribute in the model that is being built. A name that the model's own contract uses gets a
        suffix. -#}
    {%- do return(attribute ~ '_attribute' if attribute in model.columns else attribute) -%}
{% endmacro %}


{% macro add_attributes_to_contract() %}
    {#- For a pre-hook: adds the attributes to the contract of the model, because YAML cannot list columns that depend
        on settings. dbt then enforces and describes them like the others. -#}
    {%- set columns = {} -%}
    {%- for attribute in attribute_names() + transaction_attribute_names() -%}
        {%- set name = attribute_column(attribute) -%}
        {%- do columns.update({name: {
            'name': name,
            'data_type': 'string',
            'description': 'The attribute ' ~ attribute ~ ', as text. Null if it is missing.',
            'constraints': [],
        }}) -%}
    {%- endfor -%}
    {%- do model.columns.update(columns) -%}
{% endmacro %}
