package org.tinyaudiossl.federated.device

import java.io.IOException
import org.tinyaudiossl.federated.fleet.FleetException
import org.tinyaudiossl.federated.fleet.UnauthenticatedException
import org.tinyaudiossl.federated.fleet.UnavailableException
import org.tinyaudiossl.federated.fleet.UntrustedServerException
import org.tinyaudiossl.federated.fleet.WrongClockException
import org.tinyaudiossl.federated.records.RecordException

/**
 * The reason why a device did not take part. An app says it in its user's language; the exception's own
 * message, in English, is for logs and for the server's operator.
 */
enum class Reason {
    /** The run has another app, or another version of it. */
    OTHER_APP,

    /** The run trains another model than that of the device's folder. */
    OTHER_MODEL,

    /** The run has settings that this device can't follow. */
    UNSUPPORTED,

    /** The server would see more of the update than it should. */
    UNPROTECTED,

    /** The server's message is damaged, too large, or has numbers that are not finite. */
    BAD_MESSAGE,
    TOO_FEW_CLIPS,

    /** All private updates that the user allows were sent. */
    RELEASES_SPENT,

    /** Training gave numbers that are not finite or too large to send. */
    DIVERGED,

    /** A file can't be read or written, or the runtime fails. */
    DEVICE_FAULT,
    UNREACHABLE,
    UNTRUSTED,
    UNKNOWN_KEY,
    WRONG_CLOCK,

    /** The server answered with an error. */
    SERVER_FAULT,

    /** The user or the system has ended it. */
    STOPPED,

    /** One of the user's limits is reached. */
    LIMIT,
    ;

    companion object {
        /** Return the reason of whatever ends a round, or a device's part in a federation. */
        fun of(error: IOException): Reason = when (error) {
            is RunRefusedException -> error.reason
            is RecordException -> BAD_MESSAGE
            is UnavailableException -> UNREACHABLE
            is UntrustedServerException -> UNTRUSTED
            is WrongClockException -> WRONG_CLOCK
            is UnauthenticatedException -> UNKNOWN_KEY
            is FleetException -> SERVER_FAULT
            else -> DEVICE_FAULT
        }
    }
}
