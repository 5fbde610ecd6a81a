package org.tinyaudiossl.federated.device

import java.io.File
import java.io.IOException
import kotlin.math.abs
import org.tinyaudiossl.federated.fleet.FleetSession
import org.tinyaudiossl.federated.fleet.Run
import org.tinyaudiossl.federated.fleet.RunEndedException
import org.tinyaudiossl.federated.records.Content
import org.tinyaudiossl.federated.records.Failure
import org.tinyaudiossl.federated.records.Metadata
import org.tinyaudiossl.federated.records.Payload
import org.tinyaudiossl.federated.records.RecordDict
import org.tinyaudiossl.federated.records.RecordException
import org.tinyaudiossl.federated.records.sha256Hex
import org.tinyaudiossl.federated.secagg.SecureAggregation
import org.tinyaudiossl.federated.secagg.WeightedUpdate
import org.tinyaudiossl.federated.toLittleEndian
import org.tinyaudiossl.federated.training.DeviceFolder
import org.tinyaudiossl.federated.training.LocalTraining
import org.tinyaudiossl.federated.training.Recordings
import org.tinyaudiossl.federated.training.TrainingEngine

/**
 * A device's answer to one message, after [seconds] of work.
 *
 * @param refusal why the device did not do what was asked; null if it did.
 * @param isUpdateSent whether the round's update was sent, in this answer or in an earlier one: secure
 * aggregation has answers before that.
 */
class Answer(val runId: Long, val round: Long, val seconds: Double, val refusal: Reason?, val isUpdateSent: Boolean)

/** An answer that is still to be sent; [payload] takes the seconds of work. */
private class Reply(
    val refusal: Reason? = null,
    val isUpdateSent: Boolean = refusal == null,
    val payload: (Double) -> Payload,
)

/**
 * Answer a server's messages: train on the recordings below [clips], or say why not. Nothing of a
 * recording, and no file's name, is in an answer.
 *
 * @param state a folder that exists; rounding errors are kept there. Secrets of a round of secure
 * aggregation are in memory alone: a device that ends in the middle of one has dropped out of it.
 * @param privacy adds the noise if a run has `privacy local`.
 * @param log is told what this device does, and in full what goes wrong.
 */
class Device(
    private val folder: DeviceFolder,
    private val engine: TrainingEngine,
    private val clips: File,
    state: File,
    private val privacy: LocalPrivacy,
    private val log: (String) -> Unit,
) {
    private val feedback = ErrorFeedback(state)
    private val rounds = HashMap<Long, SecureAggregation>() // by run

    /** Called with each answer that the server has received. */
    var onAnswer: (Answer) -> Unit = {}

    /** Answer the next message, if one waits; return whether one did. */
    fun answerNext(session: FleetSession): Boolean {
        val message = session.next() ?: return false
        val began = System.nanoTime()
        try {
            val answer = answered(session, message)
            val seconds = (System.nanoTime() - began) / 1e9
            session.reply(message, answer.payload(seconds), seconds)
            val round = message.groupId.toLongOrNull() ?: 0
            onAnswer(Answer(message.runId, round, seconds, answer.refusal, answer.isUpdateSent))
            log("round ${message.groupId}: answered after %.1f s".format(seconds))
        } catch (error: RunEndedException) {
            log("round ${message.groupId}: no answer is wanted; ${error.message}")
        }
        return true
    }

    private fun answered(session: FleetSession, message: Metadata): Reply = try {
        val run = session.run(message.runId)
        trained(session, message, run, folder.known.settingsOf(run))
    } catch (error: RunEndedException) {
        throw error
    } catch (error: RunRefusedException) {
        refused(error.message.orEmpty(), error)
    } catch (error: RecordException) {
        refused(error.message.orEmpty(), error)
    } catch (error: IOException) { // it may name files
        refused("${error.javaClass.simpleName}; see the device's log", error)
    }

    private fun trained(session: FleetSession, message: Metadata, run: Run, settings: RunSettings): Reply {
        if (message.messageType != TRAIN) {
            throw RunRefusedException(
                "a message of type ${message.messageType}; this device only trains: set evaluate-every=0",
            )
        }
        val bytes = Float.SIZE_BYTES * (folder.weightCount + folder.fixedCount).toLong()
        val records = session.content(message, maxArrayBytes = bytes)
        if (settings.isSecure) return masked(message, records, settings)
        val (update, reply) = updated(records, RequestNames.OWN, settings)
        val encoded = feedback.encode(update, settings.encoding, run.seriesId)
        return Reply { seconds -> reply.content(encoded, seconds) }
    }

    /** Answer a stage of secure aggregation, whose state is kept between the messages of a round. */
    private fun masked(message: Metadata, records: RecordDict, settings: RunSettings): Reply {
        val round = rounds.getOrPut(message.runId) { SecureAggregation(message.destinationNodeId) }
        var reply: TrainingReply? = null
        val answer = round.answer(records.record(TrainingReply.SECURE), settings) {
            val (update, made) = updated(records, RequestNames.FIT, settings)
            reply = made
            checkRange(update, settings.number("secagg-range"))
            WeightedUpdate(update, made.weight)
        }
        if (round.isIdle) rounds.remove(message.runId)
        return Reply(isUpdateSent = reply != null || round.isIdle) { seconds ->
            reply?.maskedContent(answer, seconds) ?: Content(RecordDict(mapOf(TrainingReply.SECURE to answer)))
        }
    }

    private fun updated(
        records: RecordDict,
        names: RequestNames,
        settings: RunSettings,
    ): Pair<FloatArray, TrainingReply> {
        val request = TrainingRequest.read(records, folder.weightCount, folder.fixedCount, names)
        checkFixed(request.fixed)
        val recordings = Recordings(clips, folder.cropSamples, onSkipped = log)
        val trained = LocalTraining(folder, engine, recordings).train(request, settings)
        val update = protected(trained.update, settings)
        return update to TrainingReply(request.round, recordings.count, trained.loss, settings)
    }

    private fun protected(update: FloatArray, settings: RunSettings): FloatArray {
        val clippingNorm = settings.number("clipping-norm")
        return when {
            settings.text("privacy") == "local" ->
                privacy.protect(update, clippingNorm, settings.number("noise-multiplier"))
                    .also { log("update ${privacy.releases} that this device has released with noise") }
            // The server clips otherwise, but it will not see this update.
            settings.text("privacy") == "central" && settings.isSecure -> LocalPrivacy.clipped(update, clippingNorm)
            else -> update
        }
    }

    private fun checkRange(update: FloatArray, range: Double) {
        val largest = update.maxOf { abs(it) }
        if (!largest.isFinite() || largest > range) {
            throw RunRefusedException("the update's largest value is $largest, beyond secagg-range $range; raise that")
        }
    }

    private fun checkFixed(fixed: FloatArray) {
        if (sha256Hex(fixed.toLittleEndian()) != folder.fixedSha256) {
            throw RunRefusedException(
                "the server's statistics are not those of this device's artifact; start the run from the " +
                    "checkpoint that the artifact was exported from, with norm frozen or group",
                Reason.OTHER_MODEL,
            )
        }
    }

    private fun refused(text: String, error: IOException): Reply {
        log("this client can't take part: ${error.message}")
        return Reply(Reason.of(error)) { Failure(Failure.CLIENT_APP_RAISED_EXCEPTION, text) }
    }

    private companion object {
        const val TRAIN = "train"
    }
}
