package android.app.job

import android.app.Service
import android.content.ComponentName
import android.content.res.AssetManager
import java.io.File
import java.util.concurrent.Semaphore

/** Android's classes for tests on a computer, where a job has folders of its own. */
abstract class JobService : Service() {
    lateinit var files: File
    lateinit var assetFolder: File
    private val finished = Semaphore(0)

    abstract fun onStartJob(params: JobParameters): Boolean
    abstract fun onStopJob(params: JobParameters): Boolean
    fun jobFinished(params: JobParameters, wantsReschedule: Boolean) = finished.release()

    override fun getNoBackupFilesDir() = files
    override fun getAssets() = AssetManager(assetFolder)

    /** Starts the job, as the system does, and returns when it has finished. */
    fun runJob() {
        if (onStartJob(JobParameters())) finished.acquire()
    }
}

class JobParameters

/** What a job asks the system to wait for, by the name of the method. */
class JobInfo private constructor(val asked: Map<String, Any>) {
    class Builder(@Suppress("UNUSED_PARAMETER") id: Int, @Suppress("UNUSED_PARAMETER") service: ComponentName) {
        private val asked = HashMap<String, Any>()

        fun setPeriodic(intervalMs: Long) = apply { asked["setPeriodic"] = intervalMs }
        fun setRequiresCharging(requires: Boolean) = apply { asked["setRequiresCharging"] = requires }
        fun setRequiresDeviceIdle(requires: Boolean) = apply { asked["setRequiresDeviceIdle"] = requires }
        fun setRequiredNetworkType(type: Int) = apply { asked["setRequiredNetworkType"] = type }
        fun setPersisted(persisted: Boolean) = apply { asked["setPersisted"] = persisted }
        fun build() = JobInfo(asked)
    }
}
