/* Faults on demand: a `faults` file beside the token files, read again at every operation.
 *
 * One `name=value` a line; absent file or absent line: no fault.
 *   slot=N               only the token in slot N is struck
 *   sign_after=N         the first N signatures after a change of this file pass unharmed
 *   sign_latency_ms=N    every signature takes N milliseconds longer
 *   sign=pull_out        the key is pulled out in the middle of a signature (file renamed to .out)
 *   sign=device_error    C_Sign fails with CKR_DEVICE_ERROR
 *   sign=garbage         C_Sign returns a well-formed value that is no signature
 *   sign=malformed       C_Sign returns bytes that are not even shaped like a signature
 *   crash=mid_write      the process dies half way through writing the token's state
 *   crash=before_rename  the process dies between writing the new state and putting it in place
 */
#ifndef SEALDESK_FAULTS_H
#define SEALDESK_FAULTS_H

#include "cryptoki.h"
#include "platform.h"

enum vk_sign_fault { VK_SIGN_WELL, VK_PULL_OUT, VK_DEVICE_ERROR, VK_GARBAGE, VK_MALFORMED };

/* What happens to the signature that slot makes next; counts it. */
enum vk_sign_fault vk_next_signature(CK_SLOT_ID slot, unsigned long *latency_ms);
enum vp_crash vk_next_write(CK_SLOT_ID slot);

#endif
