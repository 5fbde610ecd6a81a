package org.tinyaudiossl.federated.fleet

import java.io.IOException

/** A server that refuses, or can't be reached. The message is for users. */
open class FleetException(message: String, cause: Throwable? = null) : IOException(message, cause)

/** The server's certificate is not from the given authority, has expired, or names another server. */
class UntrustedServerException(message: String, cause: Throwable) : FleetException(message, cause)

/** The server does not accept this device's key or signature. */
open class UnauthenticatedException(message: String) : FleetException(message)

/** The server refuses this device's signatures, because their time is too far from its own. */
class WrongClockException(message: String) : UnauthenticatedException(message)

/** The server does not know this device's key, or takes the device as present already. */
class NotActivatedException(message: String) : UnauthenticatedException(message)

/** The run has ended, or was stopped, so that its messages count no more. */
class RunEndedException(message: String) : FleetException(message)

/** The server can't answer now; trying again later may help. */
class UnavailableException(message: String, cause: Throwable? = null) : FleetException(message, cause)
