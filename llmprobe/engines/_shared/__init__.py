"""
What several engines share: names of files, words of a shell, folders and stores of models.
"""
