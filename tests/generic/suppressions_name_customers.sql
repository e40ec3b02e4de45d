{% test suppressions_name_customers(model) %}
    {#- Stops the run if no row of the suppressions names a customer: they are then likely to be other ids than those of
        the customers, and everybody on the list would be contacted. -#}
    {%- if execute and flags.WHICH in ('build', 'test') -%}
        {%- set found = run_query(
            "select count(*) as row_count, count(case when failed_rules is null or failed_rules = 'suppression_ended'"
            ~ ' then 1 end) as rows_of_customers from ' ~ model
        ).rows[0] -%}
        {%- if found['row_count'] > 0 and found['rows_of_customers'] == 0 -%}
            {%- do exceptions.raise_compiler_error(
                'The suppressions (suppressions_location: ' ~ setting('suppressions_location') ~ ') name no customer: '
                ~ found['row_count'] ~ ' of ' ~ found['row_count'] ~ ' rows break the rule'
                ~ " 'suppression_of_unknown_customer' or 'suppression_without_customer_id', and nobody would be"
                ~ ' suppressed. Remedy: give the ids of customers, as the customers input has them (customer_id in'
                ~ ' suppressions_columns); without customers on the list, leave suppressions_location out.'
            ) -%}
        {%- endif -%}
    {%- endif -%}
    select 1 as nothing where false
{% endtest %}
