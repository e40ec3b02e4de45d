-- A failure means that the playbook has a line that cannot be used, or leaves a segment without a name, an action or a
-- description. `problem` says where, and the remedy.
{% set tables = {} -%}
{%- for name in ('segment_rules', 'segment_conditions', 'segment_descriptions', 'segment_playbook') -%}
    {%- do tables.update({name: playbook_table(name)}) -%}
{%- endfor -%}
with problems as (
    {{ playbook_problems(tables) }}
)

select problem
from problems
where {{ 'false' if flags.EMPTY else 'true' }}
