{#- The catalogue of macros/catalogue/rules.sql as a table. -#}
select
    cast(rule_order as integer) as rule_order,
    rule,
    input,
    kind,
    label,
    meaning,
    cast(remedy as string) as remedy
from (
    {{- literal_rows(rule_catalogue_rows()) }}
) as rules
