package org.tinyaudiossl.demo.federation

import android.app.job.JobInfo
import android.app.job.JobParameters
import android.app.job.JobScheduler
import android.app.job.JobService
import android.content.ComponentName
import android.content.Context
import android.util.Log
import java.io.IOException
import kotlin.concurrent.thread
import org.tinyaudiossl.demo.clipFolder
import org.tinyaudiossl.demo.clipStore
import org.tinyaudiossl.demo.participation.Entry
import org.tinyaudiossl.demo.participation.Participation
import org.tinyaudiossl.demo.participation.Standing
import org.tinyaudiossl.federated.device.Reason
import org.tinyaudiossl.federated.fleet.Transport

/** Takes part while the phone charges, is idle and has an unmetered network; the system starts and stops it. */
class FederationJob : JobService() {

    override fun onStartJob(params: JobParameters): Boolean {
        val phone = Phone(this)
        clipStore(this).prune() // what is too old is not learned from
        if (isRunning || phone.standing() != Standing.WAITING) return false
        isRunning = true
        isStopped = false
        thread(name = "federation") {
            try {
                takePart(phone)
            } finally {
                isRunning = false
                jobFinished(params, false) // the next period comes by itself
            }
        }
        return true
    }

    override fun onStopJob(params: JobParameters): Boolean {
        isStopped = true
        return false
    }

    private fun takePart(phone: Phone) {
        val membership = phone.membership
        try {
            val enrollment = membership.enrollment ?: return
            val folder = phone.deviceFolder ?: return
            val key = PhoneKey.open(membership.state)
            val transport = Transport(enrollment.server, membership.authority, key)
            TrainingModuleEngine(folder).use { engine ->
                val clips = clipFolder(this)
                Participation(membership, folder, engine, clips, transport::post, { isStopped }, ::log)
                    .run(key.publicPem)
            }
        } catch (error: IOException) {
            log(error.toString())
            membership.note(Entry(System.currentTimeMillis(), Entry.Kind.ENDED, 0, 0, 0, 0.0, Reason.of(error)))
        }
    }

    private fun log(line: String) {
        Log.i("federation", line)
    }

    companion object {
        private const val ID = 1
        private const val PERIOD_MS = 15 * 60_000L // the shortest that Android allows

        /** Whether this phone takes part at the moment. */
        @Volatile
        var isRunning = false
            private set

        @Volatile
        private var isStopped = false

        /** Has the job run from now on, or no more: at once, if it runs. */
        internal fun schedule(context: Context, on: Boolean) {
            val scheduler = context.getSystemService(JobScheduler::class.java)
            if (!on) {
                isStopped = true
                scheduler.cancel(ID)
            } else if (scheduler.getPendingJob(ID) == null) {
                scheduler.schedule(info(context))
            }
        }

        internal fun info(context: Context): JobInfo =
            JobInfo.Builder(ID, ComponentName(context, FederationJob::class.java))
                .setPeriodic(PERIOD_MS)
                .setRequiresCharging(true)
                .setRequiresDeviceIdle(true)
                .setRequiredNetworkType(JobInfo.NETWORK_TYPE_UNMETERED)
                .setPersisted(true)
                .build()
    }
}
