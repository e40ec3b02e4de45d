-- A model with the name of a mart of the package, in another schema.
select count(*) as orders
from {{ ref('fct_orders') }}
