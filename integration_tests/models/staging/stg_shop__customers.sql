-- A model with the name of one of the package.
select
    customer_id as buyer,
    cast(signup_date as date) as registered_on,
    region,
    cast(birth_year as integer) as birth_year,
    acquisition_channel
from {{ ref('customers') }}
