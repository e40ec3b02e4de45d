{{ history_config(partition_by='wave', on_schema_change='append_new_columns') }}
{#- A build creates the table and adds nothing; an export (make audiences) adds its rows in one transaction. -#}
select
    cast(null as integer) as wave,
    cast(null as string) as action_id,
    cast(null as string) as customer_id,
    cast(null as string) as segment_key,
    cast(null as string) as segment_name,
    cast(null as boolean) as is_treated,
    cast(null as date) as contact_date,
    cast(null as timestamp) as exported_at
where false
