{#- The catalogue of macros/catalogue/features.sql as a table, with positions and transforms from the settings. -#}
select
    cast(feature_order as integer) as feature_order,
    feature,
    label,
    unit,
    more,
    less,
    more_than,
    less_than,
    transform,
    phrase_compares,
    phrase_before,
    phrase_one,
    phrase_many
from (
    {{- literal_rows(feature_catalogue_rows()) }}
) as features
