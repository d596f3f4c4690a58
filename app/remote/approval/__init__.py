"""用印审批 as the client sees it (第八条、第十九条).

    client        the platform's routes
    setting       用印规则: whom to ask
    asking        用印申请: pictures of the pages for the approvers alone; waiting for the answers
    intended_use  the use that is asked for
    deciding      what an approver sees, and says with the Ukey
    following     at each sync: what was asked and answered, kept in the cabinet
    phones        phones that stand in for a Ukey

What is signed stands in :mod:`crypto.seal`. Never here: what is shown of it, and stamping itself
(:mod:`app.stamping`), which asks :class:`app.remote.approval.asking.Approvals` only.

Start reading at :mod:`app.remote.approval.asking`.
"""
