"""
Published results of models, and the index of capability that is fitted to them.

``results.tsv`` has one published value a line, ``sources.tsv`` where each was published, ``benchmarks.tsv`` the unit of
a benchmark and the uses that it tells about, ``others.tsv`` models with results that the catalog does not have, and
``kinds.tsv`` those that are made for one purpose or are no assistants. ``rows`` reads and checks them, ``fit`` fits,
``table`` writes ``llmprobe/data/capability.json``, ``check`` hides results and predicts them. Facts only: values with
where and when they were published. ``docs/capability.md`` explains what an index means and what it does not.
"""
