{#
    The last screen of a build. It is printed, not logged, so `dbt --quiet build` shows it too, and lines have no
    timestamp.
#}

{% macro print_summary(results) %}
    {#- Prints the results on the terminal after a successful run that built k_selection and segment_actions. -#}
    {%- set relations = {
        'ks': ref('k_selection'), 'segments': ref('segment_profiles'), 'actions': ref('segment_actions'),
        'quality': ref('data_quality'), 'events': ref('segment_events'), 'builds': ref('segmentation_builds'),
    } -%}
    {%- if not execute or flags.WHICH not in ('build', 'run') -%}{%- do return('') -%}{%- endif -%}
    {%- for sentence in explained_errors(results) -%}{%- do print('\n' ~ sentence) -%}{%- endfor -%}
    {%- set made = [] -%}
    {%- for result in results -%}
        {#- The status of an exposure is no-op. -#}
        {%- if result.status not in ('success', 'pass', 'warn', 'no-op') -%}{%- do return('') -%}{%- endif -%}
        {%- do made.append(result.node.name) -%}
    {%- endfor -%}
    {%- if 'int_build_log' in made and not is_whole_run() -%}
        {%- do print('\nThis run built only some of the models, so it was not logged as a build.') -%}
    {%- endif -%}
    {%- if not ('segment_actions' in made and 'k_selection' in made) -%}
        {%- do print_warnings(results) -%}{%- do return('') -%}
    {%- endif -%}
    {%- do print_ks(relations.ks) -%}
    {%- do print_segments(relations.segments, relations.actions) -%}
    {%- if 'data_quality' in made -%}{%- do print_rejects(relations.quality) -%}{%- endif -%}
    {%- do print_warnings(results) -%}
    {%- if 'segment_events' in made -%}
        {%- do print_segment_events(relations.events, relations.builds) -%}
    {%- endif -%}
    {%- if is_package() -%}
        {%- do print('\nThe marts are in the schema ' ~ relations.segments.schema ~ '.') -%}{%- do return('') -%}
    {%- endif -%}
    {%- do print('\nThe warehouse is ' ~ target.get('path', target.name) ~ '; the marts are in its schema marts.') -%}
    {%- if target.type == 'duckdb' -%}
        {%- do print(
            'Next: `make report` writes the page, `make ask` answers questions, `make publish` publishes the marts.'
        ) -%}
    {%- elif target.name == 'spark' -%}
        {%- do print(
            'Next: `make publish TARGET=spark` publishes the marts, and `make report` writes the page from them.'
        ) -%}
    {%- endif -%}
{% endmacro %}


{% macro explained_errors(results) %}
    {#- What is wrong with a CSV file, for results that failed because of it, each sentence once. -#}
    {%- set sentences = [] -%}
    {%- for result in results if result.status == 'error' -%}
        {%- set sentence = explained_csv_error(result.message or '') -%}
        {%- if sentence and sentence not in sentences -%}{%- do sentences.append(sentence) -%}{%- endif -%}
    {%- endfor -%}
    {%- do return(sentences) -%}
{% endmacro %}


{% macro print_ks(k_selection) %}
    {#- Prints the metrics and the validity of each k, and why the selected one was selected. -#}
    {%- set ks = run_query(
        'select k, davies_bouldin_index, silhouette_score, is_selected, is_local_minimum, is_admissible,'
        ~ ' alternative_k, reason, validity, validity_reason from ' ~ k_selection ~ ' order by k'
    ) -%}
    {%- if ks | length -%}{%- do print('\n k   Davies-Bouldin   silhouette   validity') -%}{%- endif -%}
    {%- for row in ks -%}
        {%- set remarks = (['<- selected'] if row['is_selected'] else []) + (
            ['not admissible'] if not row['is_admissible']
            else ['local minimum'] if row['is_local_minimum'] and not row['is_selected'] else []
        ) -%}
        {%- set line = '%2d   %14s   %10s   %-14s   %s' | format(
            row['k'], aligned_number(row['davies_bouldin_index'], 4),
            aligned_number(row['silhouette_score'], 4), row['validity'], remarks | join(', ')
        ) -%}
        {%- do print(line.rstrip()) -%}
    {%- endfor -%}
    {%- for row in ks if row['is_selected'] -%}
        {%- do print(row['validity_reason']) -%}
        {%- if row['alternative_k'] is not none -%}{%- do print(row['reason']) -%}{%- endif -%}
    {%- endfor -%}
{% endmacro %}


{% macro print_segments(segment_profiles, segment_actions) %}
    {#- Prints a line per segment, with its first action and the number of customers it is for. -#}
    {%- set segments = run_query(
        'select p.segment_name, p.cluster_size, p.customer_share, p.avg_total_spending, p.avg_quantity,'
        ~ ' p.avg_transactions, p.avg_days_since_signup, p.median_days_since_last_transaction, p.quiet_share,'
        ~ ' a.action, a.audience, a.customers from ' ~ segment_profiles ~ ' as p left join ' ~ segment_actions
        ~ ' as a on p.segment_key = a.segment_key and a.action_rank = 1 order by p.cluster_id nulls last, p.segment_key'
    ) -%}
    {%- if segments | length == 0 -%}
        {%- do print('\nThe input has no customers, so the marts are empty.') -%}{%- do return('') -%}
    {%- endif -%}
    {%- set tenure = tenure_label() | lower -%}
    {%- set width = [segments.columns['segment_name'].values() | map('length') | max, 7] | max -%}
    {%- do print(
        '\n%-*s   customers   share   spending   quantity   transactions   %s   last purchase   quiet   first action'
        | format(width, 'segment', tenure)
    ) -%}
    {%- for row in segments -%}
        {%- set days, audience = row['median_days_since_last_transaction'], row['audience'] -%}
        {%- set reached = (
            'all' if audience == 'everyone' or row['quiet_share'] is none
            else row['customers'] ~ (' gone quiet' if audience == 'quiet' else ' active')
        ) -%}
        {%- do print(
            '%-*s   %9d   %5s   %8s   %8s   %12s   %*s   %13s   %5s   %s (%s)' | format(
                width, row['segment_name'], row['cluster_size'], aligned_percent(row['customer_share']),
                aligned_number(row['avg_total_spending'], 2), aligned_number(row['avg_quantity'], 1),
                aligned_number(row['avg_transactions'], 1),
                tenure | length, aligned_number(row['avg_days_since_signup'], 0),
                '-' if days is none else days ~ (' day ago' if days == 1 else ' days ago'),
                aligned_percent(row['quiet_share']), row['action'], reached
            )
        ) -%}
    {%- endfor -%}
    {%- if none in segments.columns['customer_share'].values() -%}
        {%- do print('Shares are of the customers who are clustered: those with a purchase that counts.') -%}
    {%- endif -%}
{% endmacro %}


{% macro print_rejects(data_quality) %}
    {#- Prints how many rows of each input were used, and for each rule how many it rejected and the remedy. -#}
    {%- set found = run_query(
        'select input, outcome, rule, label, remedy, row_count, share from ' ~ data_quality
        ~ " where outcome in ('used', 'rejected') order by input desc, outcome desc, row_count desc, rule"
    ) -%}
    {%- if 'rejected' in found.columns['outcome'].values() -%}{%- do print('') -%}{%- endif -%}
    {%- for row in found if row['outcome'] == 'rejected' -%}
        {%- set rejects = 'int_rejected_' ~ row['input'] -%}
        {%- do print(
            row['input'] | capitalize ~ ', rejected: ' ~ row['row_count'] ~ ' (' ~ aligned_percent(row['share']) ~ ') '
            ~ row['rule'] ~ ', ' ~ lower_first(row['label']) ~ ('; ' ~ row['remedy'] if row['remedy'] else '')
            ~ ' (' ~ graph.nodes[model_id_of(rejects)].schema ~ '.' ~ rejects ~ ').'
        ) -%}
    {%- endfor -%}
{% endmacro %}


{% macro print_warnings(results) %}
    {#- Prints what each test that warned has to say: each of them selects a sentence, `message`. -#}
    {%- set warned = [] -%}
    {%- for result in results if result.status == 'warn' and result.node.resource_type == 'test' -%}
        {%- do warned.append(result.node.compiled_code) -%}
    {%- endfor -%}
    {%- if warned -%}{%- do print('') -%}{%- endif -%}
    {%- for query in warned -%}
        {%- for row in run_query('select message from (' ~ query ~ ') as warned order by message') -%}
            {%- do print('Warning: ' ~ row['message']) -%}
        {%- endfor -%}
    {%- endfor -%}
{% endmacro %}


{% macro print_segment_events(segment_events, segmentation_builds) %}
    {#- Prints which segments are new, vanished or were renamed in the last build. -#}
    {%- set events = run_query(
        'select build, segment_key, event, previous_segment_name, segment_name from ' ~ segment_events
        ~ ' where build = (select max(build) from ' ~ segmentation_builds ~ ') order by segment_key'
    ) -%}
    {%- if events | length -%}
        {%- do print('\nBuild ' ~ events.rows[0]['build'] ~ ' changed the segments:') -%}
    {%- endif -%}
    {%- for row in events -%}
        {%- set change = {
            'new': 'is new: ' ~ row['segment_name'],
            'vanished': 'vanished: ' ~ row['previous_segment_name'],
            'renamed': 'was renamed from ' ~ row['previous_segment_name'] ~ ' to ' ~ row['segment_name'],
        }[row['event']] -%}
        {%- do print(row['segment_key'] ~ ' ' ~ change) -%}
    {%- endfor -%}
{% endmacro %}


{% macro aligned_number(value, decimals) %}
    {#- A number with a fixed number of decimals; a dash if it is missing. -#}
    {%- do return('-' if value is none else '%.*f' | format(decimals, value | float)) -%}
{% endmacro %}


{% macro aligned_percent(share) %}
    {#- A share in percent; a dash if it is missing. A share above zero is never rounded to 0 %. -#}
    {%- do return(
        '-' if share is none else '< 1 %' if 0 < share < 0.005 else '%.0f %%' | format(share * 100)
    ) -%}
{% endmacro %}


{% macro lower_first(text) %}
    {#- A text with its first letter in lower case. -#}
    {%- do return(text[:1] | lower ~ text[1:]) -%}
{% endmacro %}
