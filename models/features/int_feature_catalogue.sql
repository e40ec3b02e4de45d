{#- The catalogue of macros/catalogue/features.sql as a table, with what the settings make of it. -#}
{% set clustered = setting('features') %}

{% for feature in clusterable_features() -%}
{% set entry = catalogued_feature(feature) -%}
select
    {{ clustered.index(feature) + 1 if feature in clustered else 'cast(null as integer)' }} as feature_order,
    {{ quote_literal(feature) }} as feature,
    {{ quote_literal(entry.label) }} as label,
    {{ quote_literal(entry.unit) }} as unit,
    {{ quote_literal(entry.more) }} as more,
    {{ quote_literal(entry.less) }} as less,
    {{ quote_literal(feature_transform(feature)) }} as transform,
    {{ quote_literal(entry.phrase.compares) }} as phrase_compares,
    {{ quote_literal(entry.phrase.before) }} as phrase_before,
    {{ quote_literal(entry.phrase.one) }} as phrase_one,
    {{ quote_literal(entry.phrase.many) }} as phrase_many
{{ 'union all' if not loop.last }}
{% endfor %}
