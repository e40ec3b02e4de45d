{# Phrases that describe what sets a customer or a segment apart. The words are in macros/catalogue/features.sql. #}

{% macro short_number(value) -%}
    {#- A number for a phrase: with one decimal place if it is below 10 and not whole. -#}
    case
        when abs({{ value }}) < 10 and {{ value }} != floor({{ value }}) then {{ format_number(value, 1) }}
        else {{ format_number(value, 0) }}
    end
{%- endmacro %}


{% macro ratio_phrase(value, average, before) -%}
    {#- A value as a multiple of the average: spends 3.3x the average. -#}
    case
        when {{ value }} <= 0 then concat({{ before }}, 'nothing net')
        when {{ average }} <= 0 then concat({{ before }}, {{ short_number(value) }})
        else concat({{ before }}, {{ format_number(value ~ ' / ' ~ average, 1) }}, 'x the average')
    end
{%- endmacro %}


{% macro values_phrase(value, average, before, one, many) -%}
    {#- A value and the average: 10 orders against 4.2. -#}
    concat(
        coalesce({{ before }}, ''), {{ short_number(value) }},
        case when {{ value }} = 1 then {{ one }} else {{ many }} end,
        ' against ', {{ short_number(average) }}
    )
{%- endmacro %}


{% macro feature_phrase(feature, value, average) -%}
    {#- A value of a feature compared with the average of the clustered customers, in the catalogue's wording. -#}
    {%- set words = catalogued_feature(feature).phrase -%}
    {%- if words.compares == 'ratio' -%}
    {{ ratio_phrase(value, average, quote_literal(words.before)) }}
    {%- else -%}
    {{ values_phrase(
        value, average, quote_literal(words.before), quote_literal(words.one), quote_literal(words.many)
    ) }}
    {%- endif -%}
{%- endmacro %}


{% macro phrase_of(name, features) -%}
    {#- The phrase of the feature that a column names. -#}
    case {{ name }}
        {%- for feature in features %}
        when '{{ feature }}' then {{ feature }}_phrase
        {%- endfor %}
    end
{%- endmacro %}
