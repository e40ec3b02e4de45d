{#- Comes after the log, so that a build that fails or is killed does not become the previous one of the next.
    render(): an empty build (--empty) must still read the counts. -#}
-- depends_on: {{ ref('int_build_log') }}
with input_volumes as (
    select * from {{ ref('int_input_volumes').render() }}
)

select
    input,
    row_count
from input_volumes
