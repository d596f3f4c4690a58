"""What reviewers and auditors of a platform ask it for, and what is checked of its answers.

The platform's own people are no holders: nothing here touches the cabinet.
Start reading at :mod:`app.remote.staff.staff_client`.
"""
