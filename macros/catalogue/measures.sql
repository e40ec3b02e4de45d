{#
    What a naming rule or a condition of the playbook can ask of a segment: the ratio of each feature's average to that
    of all clustered customers, under the name of the feature, and the measures below. A ratio to zero or to a negative
    number is null. models/serving/int_segment_measures.sql computes them. docs/change.md shows how they are used.
#}

{% macro segment_measures() %}
    {#- The measures that are not features, each with its meaning. -#}
    {% do return({
        'customer_share': 'share of the clustered customers who are in the segment, 0 to 1',
        'spending_share': 'share of the spending of the clustered customers, 0 to 1',
        'below_average_share': 'share of its customers who spend less than the average clustered customer, 0 to 1',
        'one_time_share': 'share of its customers who have bought only once, 0 to 1',
        'quiet_share': 'share of its customers who have gone quiet (quiet_after_intervals), 0 to 1; null where'
        ~ ' nobody has bought on two days',
        'returned_share': 'amount that its customers have returned, as a share of the amount of their purchases',
        'returners_share': 'share of its customers who have returned something, 0 to 1',
        'spending_rank': 'place by average spending; 1 spends the most',
        'purchases_rank': 'place by average number of purchases; 1 buys the most often',
        'segments': 'number of clustered segments',
        'natural_groups': '1 if the validity of the served k is natural groups, otherwise 0',
        'has_signups': '1 if the input has signup dates, otherwise 0',
    }) %}
{% endmacro %}


{% macro known_measures() %}
    {#- The names of all measures. -#}
    {% do return(clusterable_features() + segment_measures().keys() | list) %}
{% endmacro %}


{% macro measures_from_0_to_1() %}
    {#- The names of the measures that are shares, as their meaning says. -#}
    {%- set shares = [] -%}
    {%- for name, meaning in segment_measures().items() if ', 0 to 1' in meaning -%}
        {%- do shares.append(name) -%}
    {%- endfor -%}
    {%- do return(shares) -%}
{% endmacro %}
